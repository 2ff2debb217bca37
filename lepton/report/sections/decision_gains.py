"""What a rule that validation chose gains on test: of the best run, and over its repetitions."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lepton.analysis.grouping import chosen_groups, rows_by_key, varying_settings
from lepton.errors import LeptonError
from lepton.evaluation.gain_table import GAINS
from lepton.evaluation.kept_rule import read_rule
from lepton.report.blocks import Block, Note, Table
from lepton.report.number_format import format_interval, format_number
from lepton.stats.pairs import mean_interval
from lepton.stats.repetitions import unit_scores
from lepton.storage.evaluations import read_evaluation_frame
from lepton.storage.followed_rule import kept_rule_name
from lepton.storage.results import finished_result


def decision_gain_blocks(runs: pd.DataFrame, suffix: str) -> list[Block]:
    """The table of gains of the first run, where a rule was chosen for it; with the mean over the
    runs that repeat it, where these have the same rule to choose.

    `runs` are those of a data set, the best first.
    """
    best_run = Path(runs["folder"].iloc[0])
    try:
        rule, chosen = read_rule(best_run), _read_gains(best_run)
    except LeptonError as e:
        return [Note(str(e))]
    if rule is None or chosen is None:
        return []
    varied = varying_settings(runs, chosen_groups(runs))
    of_each = _gains_of_each(rows_by_key(runs, varied)[0][1], chosen.settings)
    gains = chosen.table
    header = ["metric", "without", "decided", "difference", "95 % interval"]
    rows = [
        [
            str(row.metric),
            *(format_number(value) for value in (row.test, row.test_decided)),
            format_number(row.difference, "+"),
            format_interval(row.low, row.high, "+"),
        ]
        for row in gains.itertuples()
    ]
    described = rule.describe() or "the likeliest class"
    caption = (
        f"What evaluation={chosen.name} chose on validation ({described}) "
        "does on the test split: the metrics of the best run without it and by it, and the "
        "difference with its interval over test rows"
    )
    if len(of_each) > 1:
        means = [_mean_cells(of_each, str(metric)) for metric in gains["metric"]]
        rows = [[*row, *cells] for row, cells in zip(rows, means, strict=True)]
        unit = unit_scores(of_each, str(gains["metric"].iloc[0])).unit
        header += [f"mean over {unit}s", "its 95 % interval"]
        caption += f"; then the mean difference of its {len(of_each)} runs over {unit}s"
    return [Table(f"decision_gain{suffix}", f"{caption}.", header, rows, 1)]


@dataclass(frozen=True)
class ChosenGains:
    """The evaluation whose rule a run follows, how it chose, and the table of gains."""

    name: str
    settings: dict[str, Any]
    table: pd.DataFrame


def _read_gains(folder: Path) -> ChosenGains | None:
    """None for a run without a rule, or whose table is not what was written."""
    evaluations = finished_result(folder).evaluations
    name = kept_rule_name(evaluations)
    table = None if name is None else read_evaluation_frame(folder, name, GAINS)
    if name is None or table is None:
        return None
    return ChosenGains(name, evaluations[name]["settings"], table)


def _gains_of_each(runs: pd.DataFrame, settings: dict[str, Any]) -> pd.DataFrame:
    """The runs whose rule was chosen in this way, with a column of differences a metric."""
    rows = []
    for i, folder in enumerate(map(Path, runs["folder"])):
        try:
            chosen = _read_gains(folder)
        except LeptonError:
            continue
        if chosen is not None and chosen.settings == settings:
            differences = chosen.table.set_index("metric")["difference"].dropna()
            rows.append(runs.iloc[[i]].assign(**differences))
    return pd.concat(rows, ignore_index=True)


def _mean_cells(runs: pd.DataFrame, metric: str) -> list[str]:
    if metric not in runs:
        return ["", ""]
    scores = unit_scores(runs, metric)
    mean, low, high = mean_interval(scores.values, scores.ratio)
    interval = format_interval(low, high, "+", units=len(scores.values))
    return [format_number(mean, "+"), interval]
