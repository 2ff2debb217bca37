"""Typos: words written otherwise, so that whoever reads them still knows which they are."""

import re
from collections.abc import Iterator

import numpy as np

LEAST_LETTERS = 4  # of a word that can be misspelt and read all the same
ALPHABET = "abcdefghijklmnopqrstuvwxyz"
LETTERS = re.compile(r"[^\W\d_]+")


def typos(word: str, generator: np.random.Generator) -> list[str]:
    """One typo of each kind: two letters exchanged, one left out, another in its place, one more.

    It is made in the longest run of letters, whose first and last stay; of a word without one that
    is long enough there are none. Letters that come in are of the Latin alphabet, and so only into
    runs that have some.
    Source: Gao et al. 2018, https://arxiv.org/abs/1801.04354, the kinds; Pruthi et al. 2019,
        https://arxiv.org/abs/1905.11268, which letters stay, and of which words
    """
    run = max(LETTERS.finditer(word), key=lambda run: len(run[0]), default=None)
    if run is None or len(run[0]) < LEAST_LETTERS:
        return []
    written = [word[: run.start()] + typo + word[run.end() :] for typo in _of(run[0], generator)]
    return [typo for typo in dict.fromkeys(written) if typo != word]


def _of(letters: str, generator: np.random.Generator) -> Iterator[str]:
    """Yields typos of a run of letters; some may be the run itself."""
    inner = range(1, len(letters) - 1)
    unlike = [i for i in inner[:-1] if letters[i] != letters[i + 1]]
    if unlike:
        i = unlike[generator.integers(len(unlike))]
        yield letters[:i] + letters[i + 1] + letters[i] + letters[i + 2 :]
    out, other, more = (inner[i] for i in generator.integers(len(inner), size=3))
    first, second = (ALPHABET[i] for i in generator.integers(len(ALPHABET), size=2))
    yield letters[:out] + letters[out + 1 :]
    if any(letter in ALPHABET for letter in letters.lower()):
        yield letters[:other] + _like(first, letters[other]) + letters[other + 1 :]
        yield letters[:more] + _like(second, letters[more]) + letters[more:]


def _like(letter: str, beside: str) -> str:
    return letter.upper() if beside.isupper() else letter
