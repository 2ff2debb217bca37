"""Pretrained parts that no network of a sweep moves, built once and shared."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")
PARTS: ContextVar[dict[Hashable, Any] | None] = ContextVar("parts", default=None)


@contextmanager
def lending(parts: dict[Hashable, Any] | None) -> Iterator[None]:
    """Networks built meanwhile take their parts from these, and leave new ones there."""
    token = PARTS.set(parts)
    try:
        yield
    finally:
        PARTS.reset(token)


def shared(key: Hashable | None, make: Callable[[], T]) -> T:
    """The part of this key, or one made now; None is the key of what is a network's own."""
    parts = PARTS.get()
    if parts is None or key is None:
        return make()
    if key not in parts:
        parts[key] = make()
    return parts[key]
