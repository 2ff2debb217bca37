"""one_ahead: makes the next item in a thread while the present one is in use."""

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def one_ahead(items: Generator[Item]) -> Iterator[Item]:
    """Yields the items, of which the next one is made in a thread meanwhile.

    What making one raises is raised where it would stand. When the loop is left, so is the thread.
    """
    end = object()
    pool = ThreadPoolExecutor(1, thread_name_prefix="lepton-ahead")
    try:
        upcoming = pool.submit(next, items, end)
        while (item := upcoming.result()) is not end:
            upcoming = pool.submit(next, items, end)
            yield item  # type: ignore[misc]
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        items.close()
