"""Says where attacks do not tell how robust a model is, and what shows it."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from lepton.attack.suite import SQUARE
from lepton.evaluation.attack_outcomes import AttackOutcomes, is_beyond_chance

ROUNDING = 1e-6  # by which a loss may differ that is the same


def broken_attacks(outcomes: Sequence[AttackOutcomes], level: float) -> list[str]:
    """A line for each sign that an evaluation is broken, by outcomes at growing epsilons.

    `level` is the chance of any line about counts of rows where nothing is wrong.
    """
    level = level / max(2 * len(outcomes) - 1, 1)
    lines = [line for of_one in outcomes for line in weak_attacks(of_one)]
    lines += [line for of_one in outcomes for line in _masked_gradients(of_one, level)]
    return lines + [line for pair in pairwise(outcomes) for line in _rise(*pair, level)]


def weak_attacks(outcomes: AttackOutcomes) -> Iterator[str]:
    """Yields a line for each attack that does not raise the mean loss of what it is made on."""
    for name in outcomes.after:
        before, after = outcomes.raised(name)
        if outcomes.epsilon > 0 and after <= before * (1 + ROUNDING):
            yield (
                f"epsilon {outcomes.epsilon:g}: {name} does not raise the loss ({before:.4g} "
                f"before, {after:.4g} after)"
            )


def _masked_gradients(outcomes: AttackOutcomes, level: float) -> Iterator[str]:
    more, fewer = _square_against_gradients(outcomes)
    if is_beyond_chance(more, fewer, level):
        yield (
            f"epsilon {outcomes.epsilon:g}: {SQUARE}, which needs no gradients, is worse for "
            f"{more} rows than all attacks by gradients, and better for {fewer}: gradients are "
            "masked"
        )


def _square_against_gradients(outcomes: AttackOutcomes) -> tuple[int, int]:
    """For how many rows Square is worse than all others, and for how many the others are."""
    if not outcomes.is_quantity:
        return int((outcomes.broken_by == SQUARE).sum()), outcomes.square_misses or 0
    square = outcomes.after[SQUARE]
    others = np.nanmax([v for n, v in outcomes.after.items() if n != SQUARE], axis=0)
    scale = ROUNDING * np.maximum(square, others)
    return int((square > others + scale).sum()), int((others > square + scale).sum())


def _rise(smaller: AttackOutcomes, larger: AttackOutcomes, level: float) -> Iterator[str]:
    """Yields a line where rows do better with more room for changes, beyond chance."""
    if smaller.epsilon == larger.epsilon:
        return
    if smaller.is_quantity:
        a, b = smaller.worst, larger.worst
        said = "the mean loss under attack falls", a.mean(), b.mean()
        more, fewer = int((a > b * (1 + ROUNDING)).sum()), int((b > a * (1 + ROUNDING)).sum())
    else:
        a, b = smaller.is_broken, larger.is_broken
        said = "robust accuracy rises", 1 - a.mean(), 1 - b.mean()
        more, fewer = int((a & ~b).sum()), int((b & ~a).sum())
    if is_beyond_chance(more, fewer, level):
        what, first, second = said
        yield (
            f"{what} from {first:.4g} at epsilon {smaller.epsilon:g} to {second:.4g} at "
            f"{larger.epsilon:g}"
        )
