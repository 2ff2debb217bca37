"""Names of columns that a file holds."""

from collections import Counter


def duplicate_names(names: list[str]) -> list[str]:
    """The names that stand more than once.

    >>> duplicate_names(["a", "b", "a"])
    ['a']
    """
    return [name for name, count in Counter(names).items() if count > 1]
