"""Combiner: how the predictions of several members become one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from lepton.ensemble.machinery.pool import Judge
from lepton.metric.scoring import METRICS


@dataclass(frozen=True, eq=False)
class Known:
    """What a method may choose by: validation predictions of members, the best member first.

    Shapes: prediction (members, rows[, classes]), target (rows,) or (rows, labels), sizes
        (members,), in bytes.
    """

    prediction: Tensor
    target: Tensor
    judge: Judge
    sizes: Sequence[int]
    max_members: int | None
    max_size: int | None
    seed: int

    def rows(self, mask: Tensor) -> "Known":
        return replace(self, prediction=self.prediction[:, mask], target=self.target[mask])

    def only(self, members: Sequence[int]) -> "Known":
        kept = list(members)
        sizes = [self.sizes[i] for i in kept]
        return replace(self, prediction=self.prediction[kept], sizes=sizes)

    def fits(self, members: Sequence[int]) -> bool:
        """Whether these members are neither too many nor too large."""
        few = self.max_members is None or len(members) <= self.max_members
        return few and (
            self.max_size is None or sum(self.sizes[i] for i in members) <= self.max_size
        )

    def first(self) -> list[int]:
        """The best members that fit, taken one by one; a large one is passed over."""
        kept: list[int] = []
        for member in range(len(self.sizes)):
            if self.fits([*kept, member]):
                kept.append(member)
        return kept


class Combiner:
    """Base of the options of the group ensemble that work on predictions.

    `possible`: the tasks it makes sense for; `learns`: it chooses by validation predictions;
    `limits`: it heeds max_members and max_size itself, else the best members that fit are given;
    `refits`: leaving a member out means fitting anew, else the other weights are scaled up;
    `across_folds`: its members are settings, trained once a fold.
    """

    possible: Sequence[str] = tuple(METRICS)
    learns = limits = refits = across_folds = False

    def __init__(self, *, task: str):
        self.task = task

    @property
    def scored(self) -> str:
        """What validation scores are: crossed, out_of_fold, or plain; of a soup also chosen."""
        return "crossed" if self.learns else "out_of_fold" if self.across_folds else "plain"

    def fit(self, known: Known) -> Tensor:
        """The members' weights, of sum 1; may keep more in itself. Shapes: -> (members,)."""
        return equal(len(known.prediction))

    def combine(self, prediction: Tensor, weights: Tensor) -> Tensor:
        """Shapes: (members, rows[, classes]), (members,) -> (rows[, classes])."""
        return torch.tensordot(weights, prediction, dims=1)

    def save(self, folder: Path) -> None:
        """Writes what `fit` kept beside the weights."""

    def load(self, folder: Path) -> None:
        """Takes back what `save` wrote."""


def at_least(**values: tuple[float, float]) -> list[str]:
    """A line for each of a method's values that is too small: (value, least)."""
    return [
        f"method.{name}: {value} is too small; {least} at least"
        for name, (value, least) in values.items()
        if value < least
    ]


def equal(members: int) -> Tensor:
    """Weights that do not differ."""
    return torch.full((members,), 1 / members, dtype=torch.float64)


def classes_of(p: Tensor, task: str) -> Tensor:
    """The predicted classes as 0 and 1; ties go to the first class, in binary to negative.

    Shapes: (..., rows) or (..., rows, classes), the same comes back.
    """
    if task != "multiclass":
        return (p > 0.5).to(p.dtype)
    return torch.nn.functional.one_hot(p.argmax(-1), p.shape[-1]).to(p.dtype)


def log_odds(p: Tensor) -> Tensor:
    """Finite log-odds of probabilities, which 32-bit floats may have rounded to 0 or 1."""
    eps = torch.finfo(torch.float32).eps
    return p.clamp(eps, 1 - eps).logit()
