"""Works on files in threads, for libraries that let other threads run while they decode."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from lepton.errors import DataError

THREADS, BLOCK = 8, 256  # that work at once, and items whose results they hold


class Allowance:
    """How much threads may hold at once; one that wants more than all of it is let work alone."""

    def __init__(self, most: int):
        self.most, self.left = most, most
        self.changed = threading.Condition()

    @contextmanager
    def taken(self, amount: int) -> Iterator[None]:
        """Waits until there is so much left, which is taken while this lasts."""
        amount = min(amount, self.most)
        with self.changed:
            self.changed.wait_for(lambda: self.left >= amount)
            self.left -= amount
        try:
            yield
        finally:
            with self.changed:
                self.left += amount
                self.changed.notify_all()


def in_threads(
    work: Callable[[Any], Any],
    items: Sequence[Any],
    name: Callable[[int], str],
    *,
    around: Callable[[], AbstractContextManager[Any]] = nullcontext,
    count: int = THREADS,
) -> Iterator[Any]:
    """Yields what `work` makes of each item, in their order, or the DataError that it raises.

    `name` says in the error which item it is. `around` is entered while `count` threads work; with
    0 it is the caller's that does.
    """

    def one(number: int) -> Any:
        try:
            return work(items[number])
        except DataError as e:
            return DataError(f"{name(number)}: {e}")

    with ThreadPoolExecutor(max(1, count)) as pool:
        for start in range(0, len(items), BLOCK):
            numbers = range(start, min(start + BLOCK, len(items)))
            with around():
                done = list(pool.map(one, numbers) if count else map(one, numbers))
            yield from done
