"""The section on fine-tuning: scores before and after, and what is left of the source task."""

import numpy as np
import pandas as pd

from lepton.analysis.changes import changes_by_option
from lepton.analysis.comparison import PREFERRED_METRICS, setting_text
from lepton.analysis.conclusions import SIGNIFICANCE_LEVEL
from lepton.metric.direction import larger_is_better
from lepton.metric.ranges import metric_range
from lepton.report.blocks import Block, Figure, Section, Table, Text
from lepton.report.dataset_runs import DatasetRuns
from lepton.report.figures.fine_tuning import before_after
from lepton.report.figures.labels import option_label
from lepton.report.number_format import format_interval, format_number, format_p_value
from lepton.stats.pairs import PairedScores, holm

MAX_OPTIONS = 24


def fine_tuning_section(datasets: list[DatasetRuns], keys: list[str]) -> list[Section]:
    """The changes by fine-tuning on each data set; no section where nothing was tuned."""
    blocks: list[Block] = []
    for dataset in datasets:
        if "finetune" in dataset.runs:
            compared_keys = dataset.varying(keys) or ["finetune"]
            blocks += _against_start(dataset, compared_keys)
            blocks += _against_untuned(dataset, compared_keys)
            blocks += _forgetting(dataset, compared_keys)
    return [Section("Before and after fine-tuning", blocks)] if blocks else []


def _against_start(dataset: DatasetRuns, keys: list[str]) -> list[Block]:
    """The tuned networks against the ones that they began with, where those had the same head."""
    return _against(
        dataset,
        keys,
        "start",
        "the network that tuning began with, as it was loaded",
        name="start_after",
        subject="tuned against the start",
    )


def _against_untuned(dataset: DatasetRuns, keys: list[str]) -> list[Block]:
    """The tuned networks against the best linear head on their features before tuning."""
    return _against(
        dataset,
        keys,
        "before",
        "the best linear head of scikit-learn's on the features as they were before tuning",
        name="before_after",
        subject="tuned against untuned",
    )


def _against(
    dataset: DatasetRuns, keys: list[str], before: str, what: str, *, name: str, subject: str
) -> list[Block]:
    """The tuned networks against `what` a run also measured, under names that begin so."""
    metric = dataset.metric
    changes = _changes(dataset.runs, keys, f"{before}/{metric}", metric)
    if not changes:
        return []
    caption = (
        f"{metric.replace('/', ' ')}{dataset.on_dataset} of the tuned networks, minus that of "
        f"{what}. Paired: a run has both."
    )
    name, subject = f"{name}{dataset.suffix}", f"{subject}{dataset.on_dataset}"
    larger = larger_is_better(metric, dataset.runs)
    return _change_blocks(changes, keys, name, metric, caption, subject, larger=larger)


def _forgetting(dataset: DatasetRuns, keys: list[str]) -> list[Block]:
    """The score on the source task after tuning against that before."""
    metrics = [m for m in PREFERRED_METRICS if f"source/after/test/{m}" in dataset.runs]
    if not metrics:
        return []
    metric = f"test/{metrics[0]}"
    changes = _changes(dataset.runs, keys, f"source/before/{metric}", f"source/after/{metric}")
    if not changes:
        return []
    caption = (
        f"test {metrics[0]} on the task that the network came from{dataset.on_dataset}: after "
        "tuning minus before, with the head it had there."
    )
    name = f"forgetting{dataset.suffix}"
    subject, larger = f"the first task{dataset.on_dataset}", larger_is_better(metric, dataset.runs)
    return _change_blocks(changes, keys, name, metric, caption, subject, larger=larger)


def _changes(
    runs: pd.DataFrame, keys: list[str], before: str, after: str
) -> dict[tuple, PairedScores]:
    """The changes of the first options."""
    return dict([*changes_by_option(runs, keys, before, after).items()][:MAX_OPTIONS])


def _change_blocks(
    changes: dict[tuple, PairedScores],
    keys: list[str],
    name: str,
    metric: str,
    caption: str,
    subject: str,
    *,
    larger: bool,
) -> list[Block]:
    """A sentence, a table and a figure of the changes; `subject` names them in sentences.

    `larger`: that of the metric is better.
    """
    p_values = holm(np.array([change.p for change in changes.values()], float))
    unit = next(iter(changes.values())).unit
    means = (f"{option_label(o)} {change.differences.mean():+.4f}" for o, change in changes.items())
    return [
        Text(_conclusion(changes, p_values, subject, larger=larger)),
        _change_table(changes, p_values, keys, name, metric, caption),
        Figure(
            name,
            f"{metric.replace('/', ' ')}, {subject}: from the open to the filled dot, means; a "
            f"thin line a {unit}, green where it gets better.",
            f"{subject}: " + "; ".join(means),
            lambda: before_after(changes, metric.replace("/", " "), larger_is_better=larger),
        ),
    ]


def _change_table(
    changes: dict[tuple, PairedScores],
    p_values: np.ndarray,
    keys: list[str],
    name: str,
    metric: str,
    caption: str,
) -> Table:
    unit = next(iter(changes.values())).unit
    header = [*keys, f"{unit}s", "before", "after", "change", "its 95 % interval", "p (Holm)"]
    rows = []
    for (option, change), p in zip(changes.items(), p_values, strict=True):
        mean, low, high = change.interval(metric_range(metric))
        before, after = change.baseline.mean(), change.option.mean()
        rows.append(
            [
                *map(setting_text, option),
                str(len(change.differences)),
                *(format_number(before), format_number(after), format_number(mean, "+")),
                format_interval(low, high, "+", units=len(change.differences)),
                format_p_value(p),
            ]
        )
    return Table(name, caption, header, rows, len(keys))


def _conclusion(
    changes: dict[tuple, PairedScores], p_values: np.ndarray, subject: str, *, larger: bool
) -> str:
    """The number of options that changed, for the better and for the worse."""
    sign = 1 if larger else -1
    significant_gaps = [
        sign * change.differences.mean()
        for change, p in zip(changes.values(), p_values, strict=True)
        if p < SIGNIFICANCE_LEVEL
    ]
    better = sum(gap > 0 for gap in significant_gaps)
    worse = sum(gap < 0 for gap in significant_gaps)
    options = f"{len(changes)} option{'' if len(changes) == 1 else 's'}"
    return (
        f"Of {options}, {subject}: {better} better, {worse} worse, "
        f"{len(changes) - better - worse} not told apart (p < {SIGNIFICANCE_LEVEL} "
        "after Holm's correction)."
    )
