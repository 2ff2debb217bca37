"""Greedy selection of members, with replacement."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lepton.ensemble.combiner import Combiner, ValidationPredictions, minimum_problems
from lepton.errors import ConfigError
from lepton.seeds import derive
from lepton.values.bounds import Above0To1, AtLeast0, AtLeast1


class Greedy(Combiner):
    """Adds the member with which the mean scores best, again and again; the best round stays.

    Of equally good members one that is in already is taken, else the better one alone.
    Source: Caruana et al. 2004, https://doi.org/10.1145/1015330.1015432, sections 2.1 to 2.3.
    """

    learns = limits = True

    def __init__(
        self,
        *,
        task: str,
        size: AtLeast1,
        initial: AtLeast0,
        bags: AtLeast1,
        bag_share: Above0To1,
        library: AtLeast1,
    ):
        super().__init__(task=task)
        minima = {"size": size, "initial": initial, "bags": bags, "library": library}
        problems = minimum_problems(**{name: (value, 1) for name, value in minima.items()})
        if not 0 < bag_share <= 1:
            problems.append(f"method.bag_share: {bag_share} is not above 0 and at most 1")
        if problems:
            raise ConfigError(*problems)
        self.size, self.initial, self.bags = size, initial, bags
        self.bag_share, self.library = bag_share, library

    def fit(self, validation: ValidationPredictions) -> Tensor:
        members = len(validation.sizes)
        library = [i for i in range(members) if validation.fits([i])][: self.library]
        counts = torch.zeros(members, dtype=torch.float64)
        generator = np.random.default_rng(derive(validation.seed, "bags"))
        for _ in range(self.bags):
            picks = self._select(validation, self._bag(library, generator))
            counts += _counts(picks, members) / len(picks)
        if not validation.fits(counts.nonzero().flatten().tolist()):  # bags chose different ones
            counts = _counts(self._select(validation, _most_picked(validation, counts)), members)
        return counts / counts.sum()

    def _bag(self, library: list[int], generator: np.random.Generator) -> list[int]:
        """The members that one bag selects from."""
        if self.bags == 1:
            return library
        count = max(1, round(self.bag_share * len(library)))
        return sorted(generator.choice(library, count, replace=False).tolist())

    def _select(self, validation: ValidationPredictions, candidates: Sequence[int]) -> list[int]:
        """The members picked, in order, up to the best round."""
        picks: list[int] = []
        for member in candidates[: self.initial]:
            if validation.fits([*{*picks, member}]):
                picks.append(member)
        total = validation.prediction[picks].sum(0)
        best, scores = len(picks), {len(picks): _score(validation, total / len(picks))}
        while len(picks) < self.size:
            member, score = _next(validation, candidates, picks, total)
            picks.append(member)
            total = total + validation.prediction[member]
            scores[len(picks)] = score
            if score > scores[best]:
                best = len(picks)
        return picks[:best]


def _next(
    validation: ValidationPredictions, candidates: Sequence[int], picks: list[int], total: Tensor
) -> tuple[int, float]:
    """The member with which the mean scores best, and that score.

    Shapes: total (rows[, classes]), the sum of the predictions of `picks`.
    """
    inside = set(picks)
    allowed = [i for i in candidates if i in inside or validation.fits([*inside, i])]
    rounds = len(picks) + 1
    scores = {i: _score(validation, (total + validation.prediction[i]) / rounds) for i in allowed}
    best = max(scores.values())
    member = min((i for i in allowed if scores[i] == best), key=lambda i: (i not in inside, i))
    return member, best


def _most_picked(validation: ValidationPredictions, counts: Tensor) -> list[int]:
    """The members that were picked most often and fit together, in the order of their scores."""
    chosen: list[int] = []
    for member in counts.argsort(descending=True, stable=True).tolist():
        if counts[member] and validation.fits([*chosen, member]):
            chosen.append(member)
    return sorted(chosen)


def _score(validation: ValidationPredictions, prediction: Tensor) -> float:
    return validation.scorer(prediction, validation.target)


def _counts(picks: Sequence[int], members: int) -> Tensor:
    """The number of times each member was picked. Shapes: -> (members,)."""
    return torch.bincount(torch.tensor(picks), minlength=members).double()
