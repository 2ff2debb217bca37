"""Curve: what options score at each value of a number, as the rows that they are trained on."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lepton.analysis.changes import changes_by_option
from lepton.analysis.comparison import Comparison, compare, setting_text
from lepton.analysis.grouping import rows_by_key
from lepton.stats.pairs import PairedScores

TRAINED_ROWS = "rows/train"  # a column


@dataclass(frozen=True)
class Place:
    """The options at one value of the number; of `untuned` the pairs of tuned and untuned scores.

    Options are those of all other keys that are compared, and may lack a result here.
    """

    value: float | None  # None stands for null
    rows: tuple[int, int] | None  # trained on: fewest and most
    comparison: Comparison | None  # of the options that have a result here
    baseline: tuple | None  # of the comparison
    cells: dict[tuple, pd.Series]  # of the comparison's table, by option
    untuned: dict[tuple, PairedScores]
    seconds: dict[tuple, float]  # of training, the mean of the runs

    @property
    def label(self) -> str:
        """The value as it is written, null with the rows that it means."""
        text = setting_text(self.value)
        return f"{text} ({rows_text(self.rows)} rows)" if self.value is None and self.rows else text


@dataclass(frozen=True)
class Curve:
    """The places in order, null last, and all options that any of them has or should have."""

    key: str
    other_keys: list[str]
    metric: str
    places: list[Place]
    options: list[tuple]
    lost: dict[tuple[tuple, float | None], int]  # runs without a result by option and value


def rows_text(rows: tuple[int, int] | None) -> str:
    """A number of rows, or the fewest and the most."""
    if rows is None:
        return ""
    fewest, most = rows
    return f"{most}" if fewest == most else f"{fewest} to {most}"


def curve(
    frame: pd.DataFrame,
    key: str,
    keys: list[str],
    metric: str,
    *,
    baseline: tuple | None,
    select: str,
) -> Curve:
    """The curve over one key of runs on one data set, among them those that have no result.

    At each value options are compared with the baseline, which is one of the options there, and as
    `compare` picks it where that is None or has no result.
    """
    others = [other for other in keys if other != key and other in frame]
    is_scored = _is_scored(frame, metric)
    scored, unscored = frame[is_scored], frame[~is_scored]
    lost = unscored.dropna(subset=others)  # a run that does not say what it is of counts nowhere
    numbers = pd.concat([scored[key], pd.to_numeric(lost[key], errors="coerce")]).dropna()
    nulls = [None] if scored[key].isna().any() else []
    places = [
        _place(frame[_is_at(frame, key, value)], key, others, metric, value, baseline, select)
        for value in [*sorted({*map(float, numbers)}), *nulls]
    ]
    options = dict.fromkeys(option for option, _ in _options(scored, others))
    options |= dict.fromkeys(option for option, _ in _options(lost, others))
    counts = {
        (option, place.value): int(_is_at(runs, key, place.value).sum())
        for option, runs in _options(lost, others)
        for place in places
    }
    return Curve(key, others, metric, places, [*options], counts)


def _options(runs: pd.DataFrame, keys: list[str]) -> Iterable[tuple[tuple, pd.DataFrame]]:
    return rows_by_key(runs, keys) if len(runs) else []


def _is_scored(runs: pd.DataFrame, metric: str) -> pd.Series:
    return (runs["status"] == "finished") & np.isfinite(runs[metric].astype(float))


def _is_at(runs: pd.DataFrame, key: str, value: float | None) -> pd.Series:
    numbers = pd.to_numeric(runs[key], errors="coerce")
    return numbers.isna() if value is None else numbers == value


def _place(
    frame: pd.DataFrame,
    key: str,
    others: list[str],
    metric: str,
    value: float | None,
    baseline: tuple | None,
    select: str,
) -> Place:
    scored = frame[_is_scored(frame, metric)]
    if scored.empty:
        return Place(value, None, None, None, {}, {}, {})
    told = [other for other in others if scored[other].notna().any()]  # null in all is no key

    def whole(option: tuple) -> tuple:
        values = dict(zip(told, option, strict=False))
        return tuple(map(values.get, others))

    runs_by_option = {whole(option): runs for option, runs in rows_by_key(scored, told)}
    names = {whole(option): option for option, _ in rows_by_key(scored, told)}
    name = ", ".join(map(setting_text, names[baseline])) if baseline in names and told else None
    alone = frame.assign(**{key: setting_text(value)})
    [comparison] = compare(alone, told or [key], metric=metric, baseline=name, select=select)
    table = zip(comparison.options(), comparison.table.iterrows(), strict=True)
    changes = changes_by_option(scored, told, f"before/{metric}", metric)
    return Place(
        value=value,
        rows=_rows(scored),
        comparison=comparison,
        baseline=whole(comparison.baseline if told else ()),
        cells={whole(option if told else ()): row for option, (_, row) in table},
        untuned={whole(option): pairs for option, pairs in changes.items()},
        seconds={o: float(runs["seconds"].mean()) for o, runs in runs_by_option.items()},
    )


def _rows(scored: pd.DataFrame) -> tuple[int, int] | None:
    if TRAINED_ROWS not in scored or scored[TRAINED_ROWS].isna().all():
        return None
    return int(scored[TRAINED_ROWS].min()), int(scored[TRAINED_ROWS].max())
