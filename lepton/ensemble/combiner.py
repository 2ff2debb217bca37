"""Combiner: the base of ensemble methods, which make one prediction out of those of members."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from lepton.ensemble.machinery.scorer import Scorer
from lepton.metric.scoring import METRICS


@dataclass(frozen=True, eq=False)
class ValidationPredictions:
    """Validation predictions that a method chooses by, the best member first, and its limits.

    Shapes: prediction (members, rows[, classes]), target (rows,) or (rows, labels), sizes
        (members,).
    Units: sizes and max_size are bytes of weights.
    """

    prediction: Tensor
    target: Tensor
    scorer: Scorer
    sizes: Sequence[int]
    max_members: int | None
    max_size: int | None
    seed: int

    @property
    def weight(self) -> Tensor | None:
        """How much each row counts; None where all count alike. Shapes: (rows,)."""
        return self.scorer.weight

    @property
    def judge(self) -> Scorer:
        """The scorer, by the name that combiners of users read."""
        return self.scorer

    def rows(self, mask: Tensor) -> "ValidationPredictions":
        """These rows alone. Shapes: mask (rows,)."""
        of_rows = {"prediction": self.prediction[:, mask], "target": self.target[mask]}
        return replace(self, **of_rows, scorer=self.scorer.rows(mask))

    def only(self, members: Sequence[int]) -> "ValidationPredictions":
        """These members alone."""
        chosen = list(members)
        sizes = [self.sizes[i] for i in chosen]
        return replace(self, prediction=self.prediction[chosen], sizes=sizes)

    def fits(self, members: Sequence[int]) -> bool:
        """True when these members are neither too many nor too large."""
        if self.max_members is not None and len(members) > self.max_members:
            return False
        return self.max_size is None or sum(self.sizes[i] for i in members) <= self.max_size

    def first(self) -> list[int]:
        """The best members that fit, taken one by one; one that is too large is passed over."""
        chosen: list[int] = []
        for member in range(len(self.sizes)):
            if self.fits([*chosen, member]):
                chosen.append(member)
        return chosen


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
        """The kind of validation scores: crossed, out_of_fold, or plain; of a soup also chosen."""
        return "crossed" if self.learns else "out_of_fold" if self.across_folds else "plain"

    def fit(self, validation: ValidationPredictions) -> Tensor:
        """The members' weights, of sum 1; may keep more in itself. Shapes: -> (members,)."""
        return equal_weights(len(validation.prediction))

    def combine(self, prediction: Tensor, weights: Tensor) -> Tensor:
        """The weighted mean of predictions.

        Shapes: (members, rows[, classes]), (members,) -> (rows[, classes]).
        """
        return torch.tensordot(weights, prediction, dims=1)

    def save(self, folder: Path) -> None:
        """Writes what `fit` kept beside the weights."""

    def load(self, folder: Path) -> None:
        """Reads what `save` wrote."""


def minimum_problems(**values: tuple[float, float]) -> list[str]:
    """A line for each of a method's values that is too small: NAME=(value, minimum)."""
    return [
        f"method.{name}: {value} is too small; {minimum} at least"
        for name, (value, minimum) in values.items()
        if value < minimum
    ]


def equal_weights(members: int) -> Tensor:
    """The same weight for each member. Shapes: -> (members,)."""
    return torch.full((members,), 1 / members, dtype=torch.float64)


def predicted_classes(probabilities: Tensor, task: str) -> Tensor:
    """The predicted classes as 0 and 1; ties go to the first class, in binary to negative.

    Shapes: (..., rows) or (..., rows, classes), the same comes back.
    """
    if task != "multiclass":
        return (probabilities > 0.5).to(probabilities.dtype)
    classes = torch.nn.functional.one_hot(probabilities.argmax(-1), probabilities.shape[-1])
    return classes.to(probabilities.dtype)


def log_odds(probabilities: Tensor) -> Tensor:
    """Finite log-odds of probabilities, which 32-bit floats may have rounded to 0 or 1."""
    eps = torch.finfo(torch.float32).eps
    return probabilities.clamp(eps, 1 - eps).logit()
