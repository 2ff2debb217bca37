"""Pretrained encoders that no network of a stack trains: built once and shared."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")
ENCODERS: ContextVar[dict[Hashable, Any] | None] = ContextVar("encoders", default=None)


@contextmanager
def sharing_encoders(encoders: dict[Hashable, Any] | None) -> Iterator[None]:
    """Lets networks that are built meanwhile take their encoders from here, and add new ones."""
    token = ENCODERS.set(encoders)
    try:
        yield
    finally:
        ENCODERS.reset(token)


def shared_encoder(key: Hashable | None, build: Callable[[], T]) -> T:
    """The shared encoder of this key, built now if there is none yet.

    An encoder without a key, and any outside `sharing_encoders`, is built for one network alone.
    """
    encoders = ENCODERS.get()
    if encoders is None or key is None:
        return build()
    if key not in encoders:
        encoders[key] = build()
    return encoders[key]
