"""Compares the options of a study as a command or a call asks for it."""

import pandas as pd

from lepton.analysis.compared_keys import check_keys
from lepton.analysis.comparison import (
    Comparison,
    comparable_runs,
    compare,
    selection_metric,
)
from lepton.analysis.further_metrics import SECONDS
from lepton.analysis.grouping import chosen_groups, varying_settings, without_derived
from lepton.analysis.table import metric_columns
from lepton.errors import LeptonError


def compare_study(
    frame: pd.DataFrame,
    keys: list[str] | None,
    *,
    study: str,
    metrics: list[str] | None,
    baseline: str | None,
    select: str,
) -> list[Comparison]:
    """The options of these keys, or of all that differ, compared on each data set by the first of
    the metrics, or by each data set's own; the others are told beside it.

    Raises: LeptonError when no run has finished, or no setting differs between those that have;
        and as `compare`.
    """
    finished = frame[frame["status"] == "finished"].dropna(axis=1, how="all")
    if finished.empty:
        raise LeptonError(f"{study}: no run has finished; nothing to compare")
    runs = without_derived(finished)
    keys = (
        check_keys(keys, comparable_runs(finished, keys))
        if keys
        else varying_settings(runs, chosen_groups(runs))
    )
    if not keys:
        raise LeptonError(f"{study}: all finished runs have the same settings; nothing to compare")
    metric, further = compared_metrics(metrics, finished)
    select = selection_metric(select, finished)
    return compare(frame, keys, metric=metric, baseline=baseline, select=select, further=further)


def compared_metrics(
    names: list[str] | None, finished: pd.DataFrame
) -> tuple[str | None, list[str]]:
    """The column that options are compared by, None for each data set's own; those told beside it.

    Raises: LeptonError for a metric that no run has.
    """
    if names is None:
        return None, []
    if names[:1] == [SECONDS]:
        raise LeptonError(
            f"--metric {SECONDS}: stands behind a metric that options are compared by, as "
            f"--metric auroc,{SECONDS}"
        )
    metric, *_ = metric_columns(names[:1], finished)
    others = names[1:]
    known = iter(metric_columns([name for name in others if name != SECONDS] or None, finished))
    return metric, [SECONDS if name == SECONDS else next(known) for name in others]
