"""What a method makes of a pool: weights, honest predictions, and what each member adds."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lepton.ensemble.combiner import Combiner, Known
from lepton.ensemble.machinery.members import Member
from lepton.ensemble.machinery.pool import Pool
from lepton.seeds import derive


@dataclass(frozen=True, eq=False)
class Made:
    """An ensemble of `pool`; predictions by split, in order of the rows' ids.

    `used` are the parts whose predictions it needs. Shapes: weights and contribution (parts,);
        contribution is the score on validation minus the score without the part, NaN where it is
        not used or alone.
    """

    pool: Pool
    method: object
    used: list[int]
    weights: Tensor
    predictions: dict[str, Tensor]
    contribution: Tensor

    @property
    def members(self) -> list[Member]:
        return [member for part in self.used for member in self.pool.parts[part].members]


@dataclass(frozen=True, eq=False)
class Fitted:
    """A method, fitted, its weights, and the rows that it predicts because it did not see them."""

    method: Combiner
    weights: Tensor
    rows: Tensor

    def predict(self, prediction: Tensor, left_out: int | None = None) -> Tensor:
        weights = self.weights.clone()
        if left_out is not None:
            weights[left_out] = 0
            if weights.sum() == 0:  # in this part of the rows it was chosen alone
                weights += 1
                weights[left_out] = 0
            weights /= weights.sum()
        return self.method.combine(prediction[:, self.rows], weights)


def blend(method: Combiner, pool: Pool, known: Known, folds: int) -> Made:
    """Fits a method to the validation predictions.

    Where weights are learned, a row of `val` is predicted by weights chosen without it, and so is
    one of `test` where the folds of a data set are joined, whose test rows others validate on.
    """
    kept = list(range(len(pool))) if method.limits else known.first()
    known = known.only(kept)
    chosen = method.fit(known)
    crossed = _crossed(method, known, folds)
    test = pool.splits["test"].prediction[kept]
    predictions = {"val": _predict(crossed, known.prediction)}
    if method.learns and method.across_folds:
        predictions["test"] = _predict(_by_fold(method, pool, known), test)
    else:
        predictions["test"] = method.combine(test, chosen)
    score = known.judge(predictions["val"], known.target)
    used = [i for i in range(len(kept)) if method.refits or chosen[i] > 0]
    weights = torch.zeros(len(pool), dtype=torch.float64)
    weights[kept] = chosen
    contribution = torch.full_like(weights, torch.nan)
    for i in used if len(used) > 1 else ():
        contribution[kept[i]] = score - _without(i, method, known, crossed, folds)
    made = {name: found.to(pool.dtype) for name, found in predictions.items()}
    return Made(pool, method, [kept[i] for i in used], weights, made, contribution)


def _crossed(method: Combiner, known: Known, folds: int) -> list[Fitted]:
    """The method fitted once for each part of the rows, by the other parts."""
    rows = known.prediction.shape[1]
    if not method.learns:
        return [Fitted(method, method.fit(known), torch.arange(rows))]
    part = deal(known.target, min(folds, rows), known.seed)
    return [
        _apart(method, known, part != i, (part == i).nonzero().flatten()) for i in part.unique()
    ]


def _apart(method: Combiner, known: Known, seen: Tensor, rows: Tensor) -> Fitted:
    other = copy.deepcopy(method)
    return Fitted(other, other.fit(known.rows(seen)), rows)


def _by_fold(method: Combiner, pool: Pool, known: Known) -> list[Fitted]:
    """The method fitted once for each fold of the data, without the rows that this fold tests."""
    val, test = pool.splits["val"].ids, pool.splits["test"].ids
    folds = [member.splits["test"].ids for member in pool.parts[0].members]
    return [
        _apart(method, known, ~torch.isin(val, ids), torch.isin(test, ids).nonzero().flatten())
        for ids in folds
    ]


def _predict(pieces: Sequence[Fitted], prediction: Tensor, left_out: int | None = None) -> Tensor:
    rows = torch.cat([piece.rows for piece in pieces])
    found = torch.cat([piece.predict(prediction, left_out) for piece in pieces])
    return found[rows.argsort()]


def _without(part: int, method: Combiner, known: Known, crossed: list[Fitted], folds: int) -> float:
    """The validation score of the ensemble that lacks a part."""
    if not method.refits:
        return known.judge(_predict(crossed, known.prediction, part), known.target)
    rest = known.only([i for i in range(len(known.prediction)) if i != part])
    return known.judge(_predict(_crossed(method, rest, folds), rest.prediction), rest.target)


def picked(known: Known, folds: int) -> float:
    """The validation score of picking the best member, where each row has one that others picked.

    The best of many, scored by the rows that it is the best of, looks better than it is.
    """
    part = deal(known.target, min(folds, len(known.target)), known.seed)
    found = torch.empty_like(known.prediction[0])
    for i in part.unique():
        seen = known.rows(part != i)
        scores = [known.judge(prediction, seen.target) for prediction in seen.prediction]
        best = max(range(len(scores)), key=scores.__getitem__)
        found[part == i] = known.prediction[best, part == i]
    return known.judge(found, known.target)


def deal(target: Tensor, parts: int, seed: int) -> Tensor:
    """A part for each row, so that all have equally many, and of each class or range of values.

    Shapes: (rows,) or (rows, labels) -> (rows,)
    """
    generator = torch.Generator().manual_seed(derive(seed, "parts"))
    shuffled = torch.randperm(len(target), generator=generator)
    order = target.reshape(len(target), -1).double().sum(1)[shuffled].argsort(stable=True)
    found = torch.empty(len(target), dtype=torch.long)
    found[shuffled[order]] = torch.arange(len(target)) % parts
    return found
