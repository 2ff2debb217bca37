"""Conformal: sets and intervals that hold what comes with a chance that is stated beforehand."""

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch

from lepton.dataset.data import Rows
from lepton.errors import LeptonError
from lepton.evaluation.conformal_scores import REGIONS, Regions
from lepton.evaluation.evaluated_model import EvaluatedModel
from lepton.evaluation.evaluator import Evaluation, Evaluator
from lepton.evaluation.shown_table import ShownTable
from lepton.stats.bootstrap import Intervals
from lepton.stats.conformal import conformal_limit, fewest_rows, usual_coverage
from lepton.stats.exchangeable import wilson_interval
from lepton.stats.slices import slice_values
from lepton.storage.predictions import CHOOSING_SPLIT, SplitPredictions
from lepton.task.base import Task
from lepton.values.bounds import AtLeast1, Between0And1

COVERAGE, GROUPS, SETS = "coverage", "groups", "sets"  # the tables
ALL, OTHERS, MISSING = "", "(others)", "(missing)"  # names of groups


class Conformal(Evaluator):
    """Split-conformal prediction: validation rows say how unlike a prediction what comes may be.

    Metrics, of classes for each of the scores `lac` and `aps`, of a quantity for `residual`:
    `SCORE/coverage`, and `SCORE/size`, the mean number of classes, or `SCORE/width`.
    The table `coverage` has a row a score, `groups` one a score and group, `sets` one a test row.
    Rows with weights count once each, since the promise is one about rows.
    Source: LAC: Sadinle et al. 2019, https://doi.org/10.1080/01621459.2017.1395341; APS: Romano et
        al. 2020, https://arxiv.org/abs/2006.02544; residuals: Lei et al. 2018,
        https://doi.org/10.1080/01621459.2017.1307116; groups: Vovk 2012,
        https://arxiv.org/abs/1209.2673
    """

    def __init__(
        self, *, alpha: Between0And1, column: str | None, by_group: bool, number_bins: AtLeast1
    ) -> None:
        """Raises: ValueError where groups are to be calibrated and no column makes any."""
        if by_group and column is None:
            raise ValueError("by_group: true needs column, whose values are the groups")
        self.alpha, self.column = alpha, column
        self.by_group, self.number_bins = by_group, number_bins

    def check(self, task: Task) -> None:
        if task.name not in REGIONS or not task.is_scored_as_stored:
            known = ", ".join(REGIONS)
            raise LeptonError(f"a task {task.name} has no sets or intervals; {known} have")

    def check_splits(self, splits: Mapping[str, Rows]) -> None:
        val = splits[CHOOSING_SPLIT]
        self._refuse_few(int((val["weight"] > 0).sum()) if "weight" in val else len(val["id"]))

    def columns(self) -> list[str]:
        return [] if self.column is None else [self.column]

    def evaluate(self, model: EvaluatedModel, seed: int) -> Evaluation:
        val, test = _counted(model.validation), _counted(model.predictions)
        self._refuse_few(len(val.ids))
        val_groups, test_groups = self._groups(model, val, test)
        metrics, totals, of_groups = {}, [], []
        sets = {"id": test.ids.numpy()}
        for score, regions in REGIONS[model.task.name](model.task, val, test, seed).items():
            limits = self._limits(regions, val_groups, test_groups)
            covered, sizes = regions.covered(limits), regions.sizes(limits)
            total = {"score": score, **_counts(covered, sizes, regions.unit)}
            metrics[f"{score}/coverage"] = total["coverage"]
            metrics[f"{score}/{regions.unit}"] = total[regions.unit]
            totals.append(total | self._usual(len(val.ids), len(test.ids)))
            for group in np.unique(test_groups):
                own = test_groups == group
                counts = _counts(covered[own], sizes[own], regions.unit)
                calibrated = {"calibrated": int((val_groups == group).sum())}
                of_groups.append({"score": score, "group": group, **calibrated, **counts})
            columns = {**regions.columns(limits), "covered": covered}
            sets |= {f"{score}_{name}": values for name, values in columns.items()}
        frames = {COVERAGE: pd.DataFrame(totals), SETS: pd.DataFrame(sets)}
        if self.column is not None:
            frames[GROUPS] = pd.DataFrame(of_groups)
        return Evaluation(metrics, frames)

    def shown(self, frames: Mapping[str, pd.DataFrame]) -> ShownTable:
        rows = [_shown_row(row, ALL) for row in frames[COVERAGE].to_dict("records")]
        if self.column is not None:
            groups = frames[GROUPS].to_dict("records")
            rows += [_shown_row(row, f"{self.column} = {row['group']}") for row in groups]
        usual = frames[COVERAGE].iloc[0]
        lines = [f"stated coverage {1 - self.alpha:g}; [ ]: 95 %, over test rows"]
        if not self.by_group:
            limits = f"{usual['usual_low']:.3f} to {usual['usual_high']:.3f}"
            lines.append(f"with as few rows 95 of 100 such tests lie in {limits}")
        return ShownTable(pd.DataFrame(rows), lines)

    def intervals(self, frames: Mapping[str, pd.DataFrame]) -> Intervals:
        rows = frames[COVERAGE].itertuples()
        return {f"{row.score}/coverage": (row.low, row.high) for row in rows}

    def _refuse_few(self, rows: int) -> None:
        """Raises: LeptonError for so many validation rows, where alpha takes more."""
        if rows < (fewest := fewest_rows(self.alpha)):
            raise LeptonError(
                f"alpha: {self.alpha} takes {fewest} validation rows; there are {rows}"
            )

    def _groups(
        self, model: EvaluatedModel, val: SplitPredictions, test: SplitPredictions
    ) -> tuple[np.ndarray, np.ndarray]:
        """The group of each row; those with too few validation rows to calibrate by are one.

        Raises: LeptonError where these together are too few.
        """
        if self.column is None:
            return np.full(len(val.ids), ALL), np.full(len(test.ids), ALL)
        kept = torch.from_numpy(model.predictions.counted)
        sides = (model.validation_inputs, model.validation.counted), (model.inputs, kept.numpy())
        cells = [inputs.column(self.column).iloc[rows] for inputs, rows in sides]
        both = pd.concat(cells, ignore_index=True)
        groups = slice_values(both, self.number_bins).fillna(MISSING).to_numpy(object)
        groups = groups.astype(str)
        if not self.by_group:
            return groups[: len(val.ids)], groups[len(val.ids) :]
        fewest, counts = fewest_rows(self.alpha), Counter(groups[: len(val.ids)])
        groups = np.array([g if counts[g] >= fewest else OTHERS for g in groups])
        of_others = int((groups[: len(val.ids)] == OTHERS).sum())
        if OTHERS in groups and of_others < fewest:
            raise LeptonError(
                f"by_group: alpha {self.alpha} takes {fewest} validation rows a group; groups of "
                f"{self.column} that have fewer have {of_others} together; by_group=false"
            )
        return groups[: len(val.ids)], groups[len(val.ids) :]

    def _limits(self, regions: Regions, val_groups: np.ndarray, groups: np.ndarray) -> np.ndarray:
        """The limit of each test row's scores. Shapes: (val rows,), (rows,) -> (rows,)."""
        if not self.by_group:
            return np.full(len(groups), conformal_limit(regions.calibration, self.alpha))
        limits = np.empty(len(groups))
        for group in np.unique(groups):
            own = regions.calibration[val_groups == group]
            limits[groups == group] = conformal_limit(own, self.alpha)
        return limits

    def _usual(self, calibrated: int, rows: int) -> dict[str, float]:
        """Between which coverages chance alone lets such a test end."""
        if self.by_group:
            return {}
        low, high = usual_coverage(calibrated, rows, self.alpha)
        return {"usual_low": low, "usual_high": high}


def _counted(rows: SplitPredictions) -> SplitPredictions:
    return rows.at(torch.from_numpy(rows.counted))


def _counts(covered: np.ndarray, sizes: np.ndarray, unit: str) -> dict[str, float]:
    low, high = wilson_interval(covered.sum(), len(covered))
    counts = {"n": len(covered), "coverage": float(covered.mean())}
    limits = {"low": max(float(low), 0.0), "high": min(float(high), 1.0)}
    return counts | limits | {unit: float(sizes.mean())}


def _shown_row(row: dict, group: str) -> dict[str, str]:
    limits = f"[{row['low']:.3f}, {row['high']:.3f}]"
    unit = "size" if "size" in row else "width"
    return {
        **{"score": row["score"], "rows": f"{row['n']}", "of": group or "all"},
        **{"coverage [95 %]": f"{row['coverage']:.3f} {limits}", unit: f"{row[unit]:.4g}"},
    }
