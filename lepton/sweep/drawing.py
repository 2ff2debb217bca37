"""Random subsets of a grid: some of its settings, and some of the repetitions of each.

A repetition is a combination of seed, fold and split seed; a setting is all else. Both are put in
an order that their texts and a seed alone decide, and the first are taken: so a larger subset
holds the smaller one, whatever the order of words and values, and values that come later move
nothing.
"""

import hashlib
from collections.abc import Iterable, Sequence

REPETITION_KEYS = ("seed", "dataset.fold", "dataset.val_fold", "dataset.split_seed")


def is_repetition(override: str) -> bool:
    """True for an override that says which of the repetitions of a setting a run is."""
    return override.lstrip("+").partition("=")[0] in REPETITION_KEYS


def setting_of(overrides: Sequence[str]) -> str:
    """The setting of a combination, as text."""
    return _text(override for override in overrides if not is_repetition(override))


def repetition_of(overrides: Sequence[str]) -> str:
    """The repetition that a combination is of its setting, as text."""
    return _text(override for override in overrides if is_repetition(override))


def shuffled(texts: Iterable[str], seed: int) -> list[str]:
    """Different texts in the order in which a seed draws them."""
    return sorted({*texts}, key=lambda text: hashlib.sha256(f"{seed} {text}".encode()).digest())


def _text(overrides: Iterable[str]) -> str:
    return " ".join(sorted(override.lstrip("+") for override in overrides))
