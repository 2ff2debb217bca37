"""Greedy selection of members, with replacement."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lepton.ensemble.combiner import Combiner, Known, at_least
from lepton.errors import ConfigError
from lepton.seeds import derive


class Greedy(Combiner):
    """Adds the member with which the mean scores best, again and again; the best round stays.

    Of equally good members one that is in already is taken, else the better one alone.
    Source: Caruana et al. 2004, https://doi.org/10.1145/1015330.1015432, sections 2.1 to 2.3.
    """

    learns = limits = True

    def __init__(
        self, *, task: str, size: int, initial: int, bags: int, bag_share: float, library: int
    ):
        super().__init__(task=task)
        wrong = at_least(size=(size, 1), initial=(initial, 1), bags=(bags, 1), library=(library, 1))
        if not 0 < bag_share <= 1:
            wrong.append(f"method.bag_share: {bag_share} is not above 0 and at most 1")
        if wrong:
            raise ConfigError(*wrong)
        self.size, self.initial, self.bags = size, initial, bags
        self.bag_share, self.library = bag_share, library

    def fit(self, known: Known) -> Tensor:
        tried = [i for i in range(len(known.sizes)) if known.fits([i])][: self.library]
        counts = torch.zeros(len(known.sizes), dtype=torch.float64)
        generator = np.random.default_rng(derive(known.seed, "bags"))
        for _ in range(self.bags):
            taken = self._select(known, self._bag(tried, generator))
            counts += _counts(taken, len(counts)) / len(taken)
        if not known.fits(counts.nonzero().flatten().tolist()):  # bags chose different ones
            kept: list[int] = []
            for member in counts.argsort(descending=True, stable=True).tolist():
                if counts[member] and known.fits([*kept, member]):
                    kept.append(member)
            taken = self._select(known, sorted(kept))
            counts = _counts(taken, len(counts))
        return counts / counts.sum()

    def _bag(self, tried: list[int], generator: np.random.Generator) -> list[int]:
        if self.bags == 1:
            return tried
        count = max(1, round(self.bag_share * len(tried)))
        return sorted(generator.choice(tried, count, replace=False).tolist())

    def _select(self, known: Known, tried: Sequence[int]) -> list[int]:
        """The members taken, in order, up to the best round."""
        taken: list[int] = []
        for member in tried[: self.initial]:
            if known.fits([*{*taken, member}]):
                taken.append(member)
        total = known.prediction[taken].sum(0)
        best, scores = len(taken), {len(taken): self._score(known, total / len(taken))}
        while len(taken) < self.size:
            member, score = self._next(known, tried, taken, total)
            taken.append(member)
            total = total + known.prediction[member]
            scores[len(taken)] = score
            if score > scores[best]:
                best = len(taken)
        return taken[:best]

    def _next(
        self, known: Known, tried: Sequence[int], taken: list[int], total: Tensor
    ) -> tuple[int, float]:
        inside = set(taken)
        allowed = [i for i in tried if i in inside or known.fits([*inside, i])]
        scores = {
            i: self._score(known, (total + known.prediction[i]) / (len(taken) + 1)) for i in allowed
        }
        best = max(scores.values())
        member = min((i for i in allowed if scores[i] == best), key=lambda i: (i not in inside, i))
        return member, best

    @staticmethod
    def _score(known: Known, prediction: Tensor) -> float:
        return known.judge(prediction, known.target)


def _counts(taken: Sequence[int], members: int) -> Tensor:
    """How often each member was taken. Shapes: -> (members,)."""
    return torch.bincount(torch.tensor(taken), minlength=members).double()
