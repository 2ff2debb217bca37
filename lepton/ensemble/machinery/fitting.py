"""Fits a method to a pool: weights, honest validation scores, and what each member adds."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lepton.derived.inputs import InputRun
from lepton.ensemble.combiner import Combiner, ValidationPredictions
from lepton.ensemble.machinery.pool import MemberPool
from lepton.ensemble.soup import Soup
from lepton.errors import ConfigError
from lepton.seeds import derive


@dataclass(frozen=True, eq=False)
class FittedEnsemble:
    """An ensemble of `pool`; predictions by split, in order of the rows' ids.

    `used` are the entries whose predictions it needs. Shapes: weights and contribution (entries,);
        contribution is the score on validation minus the score without the entry, NaN where it is
        not used or the only one.
    """

    pool: MemberPool
    method: Combiner | Soup
    used: list[int]
    weights: Tensor
    predictions: dict[str, Tensor]
    contribution: Tensor

    @property
    def members(self) -> list[InputRun]:
        return [member for entry in self.used for member in self.pool.entries[entry].members]


@dataclass(frozen=True, eq=False)
class CrossFit:
    """A fitted method with its weights, and the rows that it predicts since it did not see them."""

    method: Combiner
    weights: Tensor
    rows: Tensor

    def predict(self, prediction: Tensor, left_out: int | None = None) -> Tensor:
        """Predictions of its rows, without one entry where that is `left_out`."""
        weights = self.weights.clone()
        if left_out is not None:
            weights[left_out] = 0
            if weights.sum() == 0:  # it was chosen alone
                weights += 1
                weights[left_out] = 0
            weights /= weights.sum()
        return self.method.combine(prediction[:, self.rows], weights)


def fit_ensemble(
    method: Combiner, pool: MemberPool, validation: ValidationPredictions, folds: int
) -> FittedEnsemble:
    """Fits a method to the validation predictions.

    Where weights are learned, a row of `val` is predicted by weights chosen without it, and so is
    one of `test` where the folds of a data set are joined, whose test rows others validate on.
    """
    candidates = list(range(len(pool))) if method.limits else validation.first()
    validation = validation.only(candidates)
    candidate_weights = fitted_weights(method, validation)
    crossed = _cross_fit(method, validation, folds)
    test = pool.splits["test"].prediction[candidates]
    predictions = {"val": _predict(crossed, validation.prediction)}
    if method.learns and torch.isin(pool.splits["test"].ids, pool.splits["val"].ids).any():
        predictions["test"] = _predict(_fit_by_fold(method, pool, validation), test)
    else:
        predictions["test"] = method.combine(test, candidate_weights)
    score = validation.scorer(predictions["val"], validation.target)
    used = [i for i in range(len(candidates)) if method.refits or candidate_weights[i] > 0]
    weights = torch.zeros(len(pool), dtype=torch.float64)
    weights[candidates] = candidate_weights
    contribution = torch.full_like(weights, torch.nan)
    for i in used if len(used) > 1 else ():
        contribution[candidates[i]] = score - _score_without(i, method, validation, crossed, folds)
    predictions = {split: values.to(pool.dtype) for split, values in predictions.items()}
    used = [candidates[i] for i in used]
    return FittedEnsemble(pool, method, used, weights, predictions, contribution)


def fitted_weights(method: Combiner, validation: ValidationPredictions) -> Tensor:
    """What a method's `fit` gives. Raises: ConfigError where that is no weight a member."""
    weights: Any = method.fit(validation)
    members, where = len(validation.prediction), f"method: {type(method).__name__}.fit gave"
    if not isinstance(weights, Tensor):
        raise ConfigError(f"{where} {type(weights).__name__}; it returns weights, a tensor")
    if weights.shape != (members,):
        shape = tuple(weights.shape)
        raise ConfigError(f"{where} the shape {shape}; {members} members need ({members},)")
    if not weights.isfinite().all():
        raise ConfigError(f"{where} weights that are no finite numbers")
    return weights


def _cross_fit(method: Combiner, validation: ValidationPredictions, folds: int) -> list[CrossFit]:
    """The method fitted once for each fold of the rows, to the other folds."""
    rows = validation.prediction.shape[1]
    if not method.learns:
        return [CrossFit(method, fitted_weights(method, validation), torch.arange(rows))]
    fold_of_row = assign_folds(validation.target, min(folds, rows), validation.seed)
    return [
        _fit_copy(
            method, validation, fold_of_row != fold, (fold_of_row == fold).nonzero().flatten()
        )
        for fold in fold_of_row.unique()
    ]


def _fit_copy(
    method: Combiner, validation: ValidationPredictions, fitted_rows: Tensor, rows: Tensor
) -> CrossFit:
    """A copy of the method fitted to `fitted_rows`, for predicting `rows`."""
    fitted = copy.deepcopy(method)
    return CrossFit(fitted, fitted_weights(fitted, validation.rows(fitted_rows)), rows)


def _fit_by_fold(
    method: Combiner, pool: MemberPool, validation: ValidationPredictions
) -> list[CrossFit]:
    """The method fitted once for each fold of the data, without the rows that this fold tests."""
    val, test = pool.splits["val"].ids, pool.splits["test"].ids
    tested = [member.splits["test"].ids for member in pool.entries[0].members]
    folds = {tuple(ids.tolist()): ids for ids in tested}.values()
    return [
        _fit_copy(
            method, validation, ~torch.isin(val, ids), torch.isin(test, ids).nonzero().flatten()
        )
        for ids in folds
    ]


def _predict(
    cross_fits: Sequence[CrossFit], prediction: Tensor, left_out: int | None = None
) -> Tensor:
    """Predictions of all rows, each by the fit that did not see it."""
    rows = torch.cat([fit.rows for fit in cross_fits])
    predictions = torch.cat([fit.predict(prediction, left_out) for fit in cross_fits])
    return predictions[rows.argsort()]


def _score_without(
    entry: int,
    method: Combiner,
    validation: ValidationPredictions,
    crossed: list[CrossFit],
    folds: int,
) -> float:
    """The validation score of the ensemble that lacks an entry."""
    if not method.refits:
        predictions = _predict(crossed, validation.prediction, entry)
        return validation.scorer(predictions, validation.target)
    others = validation.only([i for i in range(len(validation.prediction)) if i != entry])
    predictions = _predict(_cross_fit(method, others, folds), others.prediction)
    return others.scorer(predictions, others.target)


def picked_member_score(validation: ValidationPredictions, folds: int) -> float:
    """The validation score of picking the best member, where each row has one that others picked.

    The best of many, scored by the rows that it is the best of, looks better than it is.
    """
    target = validation.target
    fold_of_row = assign_folds(target, min(folds, len(target)), validation.seed)
    predictions = torch.empty_like(validation.prediction[0])
    for fold in fold_of_row.unique():
        others = validation.rows(fold_of_row != fold)
        scores = [others.scorer(prediction, others.target) for prediction in others.prediction]
        best = max(range(len(scores)), key=scores.__getitem__)
        predictions[fold_of_row == fold] = validation.prediction[best, fold_of_row == fold]
    return validation.scorer(predictions, target)


def assign_folds(target: Tensor, count: int, seed: int) -> Tensor:
    """A fold for each row, so that all have equally many, and of each class or range of values.

    Shapes: (rows,) or (rows, labels) -> (rows,)
    """
    generator = torch.Generator().manual_seed(derive(seed, "parts"))
    shuffled = torch.randperm(len(target), generator=generator)
    order = target.reshape(len(target), -1).double().sum(1)[shuffled].argsort(stable=True)
    fold_of_row = torch.empty(len(target), dtype=torch.long)
    fold_of_row[shuffled[order]] = torch.arange(len(target)) % count
    return fold_of_row
