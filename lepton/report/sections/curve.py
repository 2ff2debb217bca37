"""The section on a curve: which option at which value of a number, by how much, at what cost."""

import numpy as np
import pandas as pd

from lepton.analysis.comparison import Comparison, comparable_runs, setting_text
from lepton.analysis.conclusions import headline
from lepton.analysis.curve import Curve, Place, curve, rows_text
from lepton.metric.ranges import metric_range
from lepton.report.blocks import Block, Figure, Note, Section, Table, Text
from lepton.report.dataset_runs import DatasetRuns
from lepton.report.figures.comparison import MAX_LINES
from lepton.report.figures.curve import curve_figure
from lepton.report.number_format import (
    format_interval,
    format_number,
    format_p_value,
    format_seconds,
)

ROWS, UNTUNED = "training rows", ("untuned", "minus untuned", "95 % of minus untuned")
GAP = ("minus baseline", "its 95 % interval", "p (Holm)")
MAX_NAMED = 6  # of the cells without a run


def curve_sections(
    frame: pd.DataFrame,
    datasets: list[DatasetRuns],
    comparisons: list[Comparison],
    key: str,
    *,
    is_baseline_named: bool,
    select: str,
) -> list[Section]:
    """A section for each data set whose options are compared; `frame` holds runs of any status."""
    sections = []
    for dataset in datasets:
        [comparison] = [c for c in comparisons if c.dataset == dataset.dataset] or [None]
        if comparison is None:
            continue
        keys = comparison.keys
        runs = comparable_runs(frame, keys)
        runs = runs if dataset.dataset is None else runs[runs["dataset"] == dataset.dataset]
        others = [other for other in keys if other != key]
        named = dict(zip(keys, comparison.baseline, strict=True))
        baseline = tuple(named[other] for other in others) if is_baseline_named else None
        found = curve(runs, key, keys, comparison.metric, baseline=baseline, select=select)
        sections.append(_section(found, dataset))
    return sections


def _section(found: Curve, dataset: DatasetRuns) -> Section:
    metric = found.metric.replace("/", " ")
    blocks: list[Block] = [
        Text(f"{found.key}={place.label}: {headline(place.comparison)}")
        for place in found.places
        if found.other_keys and place.comparison is not None
    ]
    blocks += [_table(found, dataset.suffix), *_missing(found)]
    hidden = len(found.options) - MAX_LINES
    left_out = f" {hidden} more options are not drawn." if hidden > 0 else ""
    untuned = "; dotted: the best linear head on the untuned features" if _untuned(found) else ""
    blocks.append(
        Figure(
            f"curve_{found.key}{dataset.suffix}",
            f"{metric} over {found.key}: means and their 95 % intervals{untuned}. A gap is a "
            f"value without a finished run.{left_out}",
            f"{metric} over {found.key}, a line an option",
            lambda: curve_figure(found),
            wide=True,
        )
    )
    return Section(f"{metric} over {found.key}{dataset.on_dataset}", blocks)


def _untuned(found: Curve) -> bool:
    return any(place.untuned for place in found.places)


def _table(found: Curve, suffix: str) -> Table:
    header = [found.key, *found.other_keys, ROWS, "n", found.metric.replace("/", " ")]
    header += ["95 % interval", *GAP, *UNTUNED, "seconds"]
    rows = [_row(found, place, option) for place in found.places for option in found.options]
    needless = _needless_columns(found)
    shown = [i for i, column in enumerate(header) if column not in needless]
    return Table(
        f"curve{suffix}",
        _caption(found),
        [header[i] for i in shown],
        [[row[i] for i in shown] for row in rows],
        1 + len(found.other_keys),
    )


def _needless_columns(found: Curve) -> set[str]:
    """The columns that are empty, or the same in every row."""
    needless = {*([] if found.other_keys else GAP), *([] if _untuned(found) else UNTUNED)}
    rows = {place.rows for place in found.places if place.comparison is not None}
    return needless | ({ROWS} if len(rows) < 2 and None not in _values(found) else set())


def _values(found: Curve) -> list[float | None]:
    return [place.value for place in found.places]


def _row(found: Curve, place: Place, option: tuple) -> list[str]:
    start = [setting_text(place.value), *map(setting_text, option), rows_text(place.rows)]
    cell = place.cells.get(option)
    if cell is None:
        return [*start, "0", "no finished run", *[""] * (len(GAP) + len(UNTUNED) + 2)]
    mean = [format_number(cell["mean"])]
    mean.append(format_interval(cell["low"], cell["high"], units=cell["units"]))
    return [
        *start,
        str(cell["n"]),
        *mean,
        *(["baseline", "", ""] if option == place.baseline else _gap_cells(cell)),
        *_untuned_cells(found, place, option),
        format_seconds(place.seconds.get(option, np.nan)),
    ]


def _gap_cells(cell: pd.Series) -> list[str]:
    """The cells of GAP."""
    if np.isnan(cell["difference"]):
        return ["no pairs", "", ""]
    return [
        format_number(cell["difference"], "+"),
        format_interval(cell["gap_low"], cell["gap_high"], "+", units=cell["pairs"]),
        format_p_value(cell["p_holm"]),
    ]


def _untuned_cells(found: Curve, place: Place, option: tuple) -> list[str]:
    """The cells of UNTUNED."""
    if not (pairs := place.untuned.get(option)) or not len(pairs.differences):
        return ["", "", ""]
    mean, low, high = pairs.interval(metric_range(found.metric))
    interval = format_interval(low, high, "+", units=len(pairs.differences))
    return [format_number(pairs.baseline.mean()), format_number(mean, "+"), interval]


def _missing(found: Curve) -> list[Note]:
    """A note on the options that have no finished run at some value."""
    names = []
    for place in found.places:
        for option in found.options:
            if option not in place.cells:
                settings = zip((*found.other_keys, found.key), (*option, place.value), strict=True)
                name = ", ".join(f"{key}={setting_text(value)}" for key, value in settings)
                lost = found.lost.get((option, place.value), 0)
                names.append(f"{name} ({lost} without a result)" if lost else name)
    if not names:
        return []
    more = len(names) - MAX_NAMED
    listed = "; ".join(names[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
    return [Note(f"No finished run with {found.metric}: {listed}.")]


def _caption(found: Curve) -> str:
    sentences = ["n counts repetitions, over which other settings are averaged."]
    if found.other_keys:
        sentences.append(
            "At each value options are paired over runs equal in everything else with the "
            "baseline, unless named the best by validation there; p is corrected by Holm over "
            "the options of one value."
        )
    if _untuned(found):
        sentences.append(
            "untuned: the best linear head of scikit-learn's on the features before tuning, "
            "of the same runs; its difference is paired, its interval uncorrected."
        )
    sentences.append(
        "seconds: the mean time of training, in a stack a run's share of it; features of a frozen "
        "backbone are computed before it, once."
    )
    return " ".join(sentences)
