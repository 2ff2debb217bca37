"""Compares options of a study: which value of some keys is better, and by how much."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lepton.analysis.further_metrics import FurtherMetric, further_metrics
from lepton.analysis.grouping import (
    REPETITION_KEYS,
    derived_columns,
    difference_table,
    key_with_none,
    paired_by_option,
    rows_by_key,
    summary_table,
    unpaired_by_option,
    without_derived,
)
from lepton.analysis.score_metrics import ordered_column, score_caution
from lepton.analysis.study import LOST_STATUSES
from lepton.config.words import typed_list
from lepton.errors import LeptonError, did_you_mean
from lepton.metric.direction import is_of_test, larger_is_better
from lepton.stats.pairs import PairedScores, holm
from lepton.stats.repetitions import ROW_COLUMNS
from lepton.stats.welch import UnpairedScores

# the first of them that a study has is compared, unless another is asked for
PREFERRED_METRICS = ("auroc", "rmse", "ks", "accuracy", "log_loss", "mae", "r2")


@dataclass(frozen=True)
class Comparison:
    """The options of some keys on one data set, best validation score first.

    Columns: of `table`: keys, runs, score, n (repetitions, over which other settings are
        averaged), mean, sd, low, high, units (which the interval is over), pairs, difference,
        gap_low, gap_high, p, p_holm, unit, better (probability of being better than the baseline),
        lost (runs without a result).
    """

    keys: list[str]
    metric: str
    larger_is_better: bool  # of the metric
    baseline: tuple
    is_baseline_chosen: bool  # by scores, which makes it one of all pairs of options
    repeated: str  # what the intervals of means are over: 5 splits
    table: pd.DataFrame
    pairs: dict[tuple, PairedScores]  # by option
    unpaired: dict[tuple, UnpairedScores]  # options without pairs that can be compared all the same
    dataset: str | None  # where the study has several
    runs_without_metric: int  # finished ones, left out
    select: str  # the validation metric that orders options, a column
    further: list[FurtherMetric]
    caution: str | None  # where the scores that order options are of several metrics

    def options(self) -> list[tuple]:
        """The values of `keys`, in the order of `table`."""
        return [key_with_none(values) for values in self.table[self.keys].itertuples(index=False)]

    def option_name(self, option: tuple) -> str:
        """The option as overrides: `model=mlp`, or several joined."""
        settings = zip(self.keys, option, strict=True)
        return ", ".join(f"{key}={setting_text(value)}" for key, value in settings)


def setting_text(value: object) -> str:
    """A setting's value as it is written on the command line."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return "null"
    return f"{value:g}" if isinstance(value, float) else typed_list(str(value))


def comparable_runs(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The runs that are compared by these keys; derived ones where one of the keys is theirs."""
    return frame if {*keys} & {*derived_columns(frame)} else without_derived(frame)


def selection_metric(select: str, frame: pd.DataFrame) -> str:
    """The column of the validation metric that options are ordered by; of `score` what it is.

    Raises: LeptonError for a test metric, since choosing by it would use it up.
    """
    name = select if "/" in select or select == "score" else f"val/{select}"
    if is_of_test(name):
        raise LeptonError(
            f"--select {select}: what is chosen by the test split is not tested by it any more; "
            f"use val/{name.rpartition('/')[2]}"
        )
    columns = ["score", *(c for c in frame.columns if c.startswith("val/"))]
    if name not in columns:
        raise LeptonError(f"--select {select}: no such metric{did_you_mean(name, columns)}")
    return ordered_column(name, frame)


def compare(
    frame: pd.DataFrame,
    keys: list[str],
    *,
    metric: str | None,
    baseline: str | None,
    select: str,
    further: Sequence[str] = (),
) -> list[Comparison]:
    """A comparison for each data set of a study's table; `further`: columns told beside the metric.

    Raises: LeptonError when the baseline is none of the options, or no run has the metric.
    """
    frame = comparable_runs(frame, keys)
    comparisons = []
    for dataset, runs in runs_by_dataset(frame):
        if (runs["status"] == "finished").any():
            comparison = _compare(runs, keys, metric, baseline, select, dataset, further)
            if comparison is not None:
                comparisons.append(comparison)
    if not comparisons:
        raise LeptonError(f"{metric or 'metric'}: no finished run has it")
    return comparisons


def runs_by_dataset(frame: pd.DataFrame) -> list[tuple[str | None, pd.DataFrame]]:
    """The runs of each data set with its name, which is None where there is one only."""
    names = frame["dataset"].dropna().unique() if "dataset" in frame else []
    if len(names) < 2:
        return [(None, frame)]
    return [(name, frame[frame["dataset"] == name]) for name in names]


def _compare(
    runs: pd.DataFrame,
    keys: list[str],
    metric: str | None,
    baseline: str | None,
    select: str,
    dataset: str | None,
    further: Sequence[str],
) -> Comparison | None:
    """The comparison on one data set; None where its runs lack the metric or all keys."""
    finished = runs[runs["status"] == "finished"].dropna(axis=1, how="all")
    metric = metric or default_metric(finished)
    if metric is None or metric not in finished or not {*keys} & {*finished}:
        return None
    finished = finished.assign(**{key: None for key in keys if key not in finished})
    scored = finished[np.isfinite(finished[metric].astype(float))]
    if scored.empty:
        return None
    select = ordered_column(select, finished)
    ordered = _best_first(summary_table(scored, keys, select), select, finished)
    options = [key_with_none(values) for values in ordered[keys].itertuples(index=False)]
    base, is_chosen = _find_baseline(baseline, options, keys)
    picked_of = len(options) if is_chosen else 1
    pairs = paired_by_option(scored, keys, metric, base)
    unpaired = unpaired_by_option(scored, keys, metric, pairs, base)
    table = _comparison_table(scored, keys, metric, base, ordered, unpaired, picked_of)
    return Comparison(
        keys=keys,
        metric=metric,
        larger_is_better=larger_is_better(metric, finished),
        baseline=base,
        is_baseline_chosen=is_chosen,
        repeated=repeated_units(table),
        table=table.assign(lost=_lost_counts(runs, keys, table)),
        pairs=pairs,
        unpaired=unpaired,
        dataset=dataset,
        runs_without_metric=len(finished) - len(scored),
        select=select,
        further=further_metrics(scored, keys, further, base, picked_of),
        caution=score_caution(scored) if select == "score" else None,
    )


def _best_first(table: pd.DataFrame, select: str, finished: pd.DataFrame) -> pd.DataFrame:
    """The rows of a summary by their means of a column of the finished runs."""
    sign = 1 if larger_is_better(select, finished) else -1
    return table.iloc[(-sign * table["mean"]).argsort(kind="stable")]


def _comparison_table(
    scored: pd.DataFrame,
    keys: list[str],
    metric: str,
    baseline: tuple,
    ordered: pd.DataFrame,
    unpaired: dict[tuple, UnpairedScores],
    picked_of: int,
) -> pd.DataFrame:
    """The columns of `Comparison.table` but the last; `ordered`: the options with their validation
    scores; `picked_of`: as in `interval_level`."""
    validation = ordered[[*keys, "n", "mean"]].rename(columns={"n": "runs", "mean": "score"})
    gaps = _with_unpaired(
        difference_table(scored, keys, metric, baseline, picked_of=picked_of),
        keys,
        unpaired,
        picked_of,
    )
    gaps = gaps.rename(columns={"low": "gap_low", "high": "gap_high"})
    gaps["better"] = gaps["larger"] if larger_is_better(metric, scored) else 1 - gaps["larger"]
    repetitions = [key for key in REPETITION_KEYS if key in scored and scored[key].notna().any()]
    by_repetition = scored.groupby([*keys, *repetitions], dropna=False, sort=False, as_index=False)
    columns = [metric, *(column for column in ROW_COLUMNS if column in scored)]
    means = summary_table(by_repetition[columns].mean(), keys, metric)
    means = means.rename(columns={"unit": "mean_unit"})
    table = means.merge(gaps.drop(columns="larger"), on=keys, how="left")
    return validation.merge(table, on=keys, how="left")


def _lost_counts(runs: pd.DataFrame, keys: list[str], table: pd.DataFrame) -> list[int]:
    """The number of runs of each option of the table that have no result."""
    lost = runs[runs["status"].isin([*LOST_STATUSES, "missing"])]
    lost_counts = {key: len(rows) for key, rows in rows_by_key(lost, keys)} if len(lost) else {}
    options = [key_with_none(values) for values in table[keys].itertuples(index=False)]
    return [lost_counts.get(option, 0) for option in options]


def repeated_units(summaries: pd.DataFrame) -> str:
    """What the means of a table of options are over: `5 splits`, `3 to 5 seeds`."""
    column = "mean_unit" if "mean_unit" in summaries else "unit"
    unit = summaries.loc[summaries["units"].idxmax(), column]
    fewest, most = summaries["units"].min(), summaries["units"].max()
    count = f"{most}" if fewest == most else f"{fewest} to {most}"
    return f"{count} {unit}{'' if most == 1 else 's'}"


def _with_unpaired(
    gaps: pd.DataFrame,
    keys: list[str],
    unpaired: dict[tuple, UnpairedScores],
    picked_of: int,
) -> pd.DataFrame:
    """The differences, of means where there are no pairs; Holm's correction is over both kinds,
    and over all pairs of options where scores picked the baseline of them."""
    for i, values in enumerate(gaps[keys].itertuples(index=False)):
        if scores := unpaired.get(key_with_none(values)):
            interval = scores.interval(picked_of=picked_of)
            gaps.loc[gaps.index[i], ["difference", "low", "high"]] = interval
            gaps.loc[gaps.index[i], ["p", "unit"]] = scores.p, scores.unit
    return gaps.assign(p_holm=holm(gaps["p"].to_numpy(float), picked_of * (picked_of - 1) // 2))


def default_metric(finished: pd.DataFrame) -> str | None:
    """The column of the test metric that a table shows first."""
    columns = preferred_test_columns(finished)
    return columns[0] if columns else None


def preferred_test_columns(finished: pd.DataFrame) -> list[str]:
    """The columns of metrics of test, or else val, that a table may show unasked, in order."""
    split = "test" if any(str(column).startswith("test/") for column in finished) else "val"
    columns = [f"{split}/{name}" for name in PREFERRED_METRICS if f"{split}/{name}" in finished]
    return columns or [column for column in finished if str(column).startswith(f"{split}/")]


def _find_baseline(name: str | None, options: list[tuple], keys: list[str]) -> tuple[tuple, bool]:
    """The option of this name; else the one of `none`; else that of the best validation score,
    and whether it is the last.

    Raises: LeptonError when no option has the name.
    """
    if name is None:
        none_options = [o for o in options if all(setting_text(value) == "none" for value in o)]
        return (none_options or options)[0], not none_options
    by_name = {", ".join(map(setting_text, o)).replace(" ", ""): o for o in options}
    if (compact_name := name.replace(" ", "")) not in by_name:
        raise LeptonError(
            f"--baseline {name}: no such option of {','.join(keys)}"
            f"{did_you_mean(compact_name, by_name)} ({', '.join(by_name)})"
        )
    return by_name[compact_name], False
