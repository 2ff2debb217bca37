"""Works on files in threads, for libraries that let other threads run while they decode."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from lepton.errors import DataError

THREADS, BLOCK = 8, 256  # that work at once, and items whose results they hold


def in_threads(
    work: Callable[[Any], Any],
    items: Sequence[Any],
    name: Callable[[int], str],
    *,
    around: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> Iterator[Any]:
    """Yields what `work` makes of each item, in their order, or the DataError that it raises.

    `name` says in the error which item it is. `around` is entered while threads work.
    """

    def one(number: int) -> Any:
        try:
            return work(items[number])
        except DataError as e:
            return DataError(f"{name(number)}: {e}")

    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(items), BLOCK):
            numbers = range(start, min(start + BLOCK, len(items)))
            with around():
                done = list(pool.map(one, numbers))
            yield from done
