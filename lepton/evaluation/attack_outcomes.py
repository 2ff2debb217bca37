"""AttackOutcomes: what attacks did to each row at one epsilon."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.stats import binomtest
from torch import Tensor

from lepton.attack.found import found_at
from lepton.attack.goal import Goal, cross_entropies
from lepton.attack.neighbourhood import Neighbourhood
from lepton.attack.norms import NormName
from lepton.attack.suite import SQUARE, Attack, Suite
from lepton.evaluation.attacked_rows import AttackedRows
from lepton.evaluation.evaluator import batch_draw
from lepton.evaluation.robust_scores import CLEAN
from lepton.randomness.draw import Draw
from lepton.seeds import derive

RIGHT = ""  # by what a row is broken that stays right


@dataclass
class AttackOutcomes:
    """Of each row by which attack it is broken first, and the losses before and after each.

    Of a quantity no row is broken, and every attack is made on all rows.
    Shapes: broken_by (rows,) texts; losses (rows,), NaN for rows that were not attacked.
    `square_misses`: rows that gradients break and Square does not; None where it was not asked.
    Units: losses are cross-entropies; of a quantity squares, in deviations of the target.
    """

    epsilon: float
    is_quantity: bool
    broken_by: np.ndarray
    before: np.ndarray
    after: dict[str, np.ndarray] = field(default_factory=dict)
    square_misses: int | None = None

    @property
    def is_broken(self) -> np.ndarray:
        """True for rows that are wrong, by an attack or without."""
        return self.broken_by != RIGHT

    @property
    def worst(self) -> np.ndarray:
        """The largest loss of each row, that without a change among them."""
        return np.nanmax([self.before, *self.after.values()], axis=0)

    def raised(self, attack: str) -> tuple[float, float]:
        """The mean loss of the attacked rows before and after; NaN where none was attacked."""
        after = self.after[attack]
        attacked = ~np.isnan(after)
        if not attacked.any():
            return np.nan, np.nan
        return float(self.before[attacked].mean()), float(after[attacked].mean())


def attack_all(
    rows: AttackedRows, suite: Suite, *, epsilon: float, norm: NormName, seed: int
) -> AttackOutcomes:
    """The outcomes of all attacks of a suite, each made on the rows that those before it left."""
    count = len(rows.positions)
    task = rows.model.task
    goal = Goal(task, rows.forward, cross_entropies)
    attacks = suite.attacks(task, rows.forward)
    broken_by, before = np.full(count, RIGHT, object), np.full(count, np.nan)
    outcomes = AttackOutcomes(epsilon, task.name == "regression", broken_by, before)
    outcomes.after = {name: np.full(count, np.nan) for name in attacks}
    for places, around in rows.around(epsilon, norm):
        _attack_batch(outcomes, places, around, goal, attacks, seed)
    if (outcomes.broken_by == SQUARE).any():
        outcomes.square_misses = 0
        for places, around in rows.around(epsilon, norm):
            by_gradients = ~np.isin(outcomes.broken_by[places], (CLEAN, RIGHT, SQUARE))
            if by_gradients.any():
                some = around.at(torch.from_numpy(np.flatnonzero(by_gradients)))
                found = attacks[SQUARE](some, attack_draw(seed, SQUARE))
                outcomes.square_misses += int((~found.broken).sum())
    return outcomes


def _attack_batch(
    outcomes: AttackOutcomes,
    places: np.ndarray,
    around: Neighbourhood,
    goal: Goal,
    attacks: Mapping[str, Attack],
    seed: int,
) -> None:
    clean = found_at(goal, around, around.none())
    outcomes.before[places] = _numbers(clean.loss)
    outcomes.broken_by[places[_numbers(clean.broken)]] = CLEAN
    left = (~clean.broken).nonzero()[:, 0]
    for name, attack in attacks.items():
        if not len(left):
            break
        some = around.at(left)
        found = attack(some, attack_draw(seed, name))
        after = found_at(goal, some, found.change)
        outcomes.after[name][places[_numbers(left)]] = _numbers(after.loss)
        outcomes.broken_by[places[_numbers(left[after.broken])]] = name
        left = left[~after.broken]


def attack_draw(seed: int, attack: str) -> Draw:
    """The random numbers of an attack, each row's by its id."""
    return batch_draw(derive(seed, attack), 0)


def _numbers(values: Tensor) -> np.ndarray:
    return values.cpu().numpy()


def is_beyond_chance(more: int, fewer: int, level: float) -> bool:
    """True where rows of one way outnumber those of the other more than a fair coin would.

    Source: McNemar 1947, https://doi.org/10.1007/BF02295996, exact and one-sided
    """
    if not more:
        return False
    return bool(binomtest(more, more + fewer, 0.5, alternative="greater").pvalue < level)
