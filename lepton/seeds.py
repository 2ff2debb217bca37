"""Derives the seeds of each consumer of randomness, from the run's seed and the consumer's name."""

import hashlib


def derive(*keys: int | str) -> int:
    """A seed that depends on all of `keys`, the same on every machine and Python.

    Units: an integer in [0, 2**63), as torch generators take.

    >>> derive(0, "order", 1) == derive(0, "order", 2)
    False
    """
    digest = hashlib.sha256(repr(keys).encode()).digest()
    return int.from_bytes(digest[:8], "big") & (2**63 - 1)
