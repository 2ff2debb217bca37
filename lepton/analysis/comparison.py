"""A question asked of a study: which option of these keys is better, and by how much."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lepton.analysis.grouping import (
    FACTS,
    REPEATS,
    choices,
    differences,
    groups,
    paired,
    summary,
    tidy_key,
    trained,
    unpaired,
    varying,
)
from lepton.analysis.study import LOST
from lepton.errors import LeptonError, did_you_mean
from lepton.metric.direction import LARGER_IS_BETTER
from lepton.stats.pairs import Pairs, holm
from lepton.stats.welch import Unpaired

FIRST = ("auroc", "rmse", "ks", "accuracy", "log_loss", "mae", "r2")  # the first that is there
MOST = 40  # options of a question; more are a search, whose keys are weighed instead


@dataclass(frozen=True)
class Comparison:
    """The options of some keys on one data set, best validation score first.

    Columns: of `table`: keys, runs, score, n (repetitions, over which other settings are
        averaged), mean, sd, low, high, pairs, difference, gap_low, gap_high, p, p_holm, unit,
        better (probability of being better than the baseline), lost (runs without a result).
    """

    keys: list[str]
    metric: str
    baseline: tuple
    table: pd.DataFrame
    pairs: dict[tuple, Pairs]
    unpaired: dict[tuple, Unpaired]  # options without pairs whose runs can be compared all the same
    dataset: str | None  # where the study has several
    lacking: int  # finished runs that lack the metric

    @property
    def larger(self) -> bool:
        return larger_is_better(self.metric)

    def options(self) -> list[tuple]:
        return [tidy_key(key) for key in self.table[self.keys].itertuples(index=False)]

    def name(self, option: tuple) -> str:
        """`model=mlp`, or several joined."""
        return ", ".join(
            f"{key}={word(value)}" for key, value in zip(self.keys, option, strict=True)
        )


def word(value: object) -> str:
    """A setting's value as it is written on the command line."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return "null"
    return f"{value:g}" if isinstance(value, float) else str(value)


def larger_is_better(metric: str) -> bool:
    return LARGER_IS_BETTER.get(metric.rpartition("/")[2], True)


def asked_of(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The runs that a question about these keys is asked of; ensembles only where it names them."""
    return frame if "ensemble" in keys else trained(frame)


def known_keys(keys: list[str], frame: pd.DataFrame) -> list[str]:
    """The keys, which are settings of the study in which its finished runs differ.

    Raises: LeptonError for any that is not.
    """
    settings = [c for c in frame.columns if "/" not in c and c not in FACTS - {"study"}]
    for key in keys:
        if key not in settings:
            raise LeptonError(f"--compare {key}: no such setting{did_you_mean(key, settings)}")
        found = frame[key].dropna()
        if found.nunique() + frame[key].isna().any() < 2:
            only = f"have {key}={word(found.iloc[0])}" if len(found) else f"lack {key}"
            others = ", ".join(varying(frame, choices(frame))) or "nothing but their seeds"
            raise LeptonError(
                f"--compare {key}: all {len(frame)} finished runs {only}; they differ in {others}"
            )
    options = len(frame[keys].drop_duplicates())
    if options > MOST:
        raise LeptonError(
            f"--compare {','.join(keys)}: {options} options are too many for a table (at most "
            f"{MOST}); `lepton report` weighs such keys"
        )
    return keys


def known_select(select: str, frame: pd.DataFrame) -> str:
    """The validation metric that options are ordered by.

    Raises: LeptonError for a test metric, since choosing by it would use it up.
    """
    name = select if "/" in select or select == "score" else f"val/{select}"
    if name.startswith("test/"):
        raise LeptonError(
            f"--select {select}: what is chosen by the test split is not tested by it any more; "
            f"use val/{name.removeprefix('test/')}"
        )
    have = ["score", *(c for c in frame.columns if c.startswith("val/"))]
    if name not in have:
        raise LeptonError(f"--select {select}: no such metric{did_you_mean(name, have)}")
    return name


def compare(
    frame: pd.DataFrame, keys: list[str], *, metric: str | None, baseline: str | None, select: str
) -> list[Comparison]:
    """The comparison on each data set of a study's table.

    Raises: LeptonError when the baseline is none of the options, or no run has the metric.
    """
    frame = asked_of(frame, keys)
    names = [None]
    if "dataset" in frame and "dataset" not in keys:
        names = [*frame["dataset"].dropna().unique()]
    parts = [frame if name is None else frame[frame["dataset"] == name] for name in names]
    found = [
        _compare(part, keys, metric, baseline, select, name if len(names) > 1 else None)
        for part, name in zip(parts, names, strict=True)
        if (part["status"] == "finished").any()
    ]
    found = [comparison for comparison in found if comparison]
    if not found:
        raise LeptonError(f"{metric or 'metric'}: no finished run has it")
    return found


def _compare(part, keys, metric, baseline, select, dataset) -> Comparison | None:
    finished = part[part["status"] == "finished"].dropna(axis=1, how="all")
    metric = metric or default_metric(finished)
    if metric is None or metric not in finished or not set(keys) <= set(finished):
        return None
    have = finished[np.isfinite(finished[metric].astype(float))]
    if have.empty:
        return None
    select = select if select in finished else "score"
    sign = 1 if larger_is_better(select) else -1
    order = summary(have, keys, select)
    order = order.iloc[(-sign * order["mean"]).argsort(kind="stable")]
    options = [tidy_key(key) for key in order[keys].itertuples(index=False)]
    base = _baseline(baseline, options, keys)
    pairs = paired(have, keys, metric, base)
    alone = unpaired(have, keys, metric, pairs, base)
    return Comparison(
        keys=keys,
        metric=metric,
        baseline=base,
        table=_table(part, have, keys, metric, base, order, alone),
        pairs=pairs,
        unpaired=alone,
        dataset=dataset,
        lacking=len(finished) - len(have),
    )


def _table(part, have, keys, metric, base, order, alone) -> pd.DataFrame:
    scores = order[[*keys, "n", "mean"]].rename(columns={"n": "runs", "mean": "score"})
    gaps = _with_unpaired(differences(have, keys, metric, base), keys, alone)
    gaps = gaps.rename(columns={"low": "gap_low", "high": "gap_high"})
    gaps["better"] = gaps["larger"] if larger_is_better(metric) else 1 - gaps["larger"]
    repeats = [c for c in REPEATS if c in have and have[c].notna().any()]
    runs = have.groupby([*keys, *repeats], dropna=False, sort=False, as_index=False)[metric].mean()
    table = summary(runs, keys, metric).merge(gaps.drop(columns="larger"), on=keys, how="left")
    table = scores.merge(table, on=keys, how="left")
    lost = part[part["status"].isin([*LOST, "missing"])]
    here = {key: len(rows) for key, rows in groups(lost, keys)} if len(lost) else {}
    options = [tidy_key(key) for key in table[keys].itertuples(index=False)]
    return table.assign(lost=[here.get(option, 0) for option in options])


def _with_unpaired(gaps, keys, alone: dict[tuple, Unpaired]) -> pd.DataFrame:
    """The differences, where there are no pairs of means; Holm's correction is over both kinds."""
    for i, key in enumerate(gaps[keys].itertuples(index=False)):
        if found := alone.get(tidy_key(key)):
            gaps.loc[gaps.index[i], ["difference", "low", "high"]] = found.difference
            gaps.loc[gaps.index[i], ["p", "unit"]] = found.p, found.unit
    return gaps.assign(p_holm=holm(gaps["p"].to_numpy(float)))


def default_metric(finished: pd.DataFrame) -> str | None:
    """The test metric that a table shows first."""
    return next((f"test/{n}" for n in FIRST if f"test/{n}" in finished.columns), None)


def _baseline(asked: str | None, options: list[tuple], keys: list[str]) -> tuple:
    """The option named, else `none`, else the one with the best validation score."""
    names = {", ".join(map(word, option)).replace(" ", ""): option for option in options}
    if asked is None:
        plain = [o for o in options if all(word(v) == "none" for v in o)]
        return (plain or options)[0]
    if (said := asked.replace(" ", "")) not in names:
        have = ", ".join(names)
        raise LeptonError(
            f"--baseline {asked}: no such option of {','.join(keys)}"
            f"{did_you_mean(said, names)} ({have})"
        )
    return names[said]
