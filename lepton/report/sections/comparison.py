"""The section on one data set that compares options: a table, conclusions and figures."""

import numpy as np
import pandas as pd

from lepton.analysis.compared_keys import is_number
from lepton.analysis.comparison import Comparison, setting_text
from lepton.analysis.conclusions import conclusions
from lepton.analysis.further_metrics import SECONDS
from lepton.analysis.grouping import rows_by_key
from lepton.analysis.score_metrics import selection_name
from lepton.report.blocks import Block, Figure, Note, Section, Table, Text
from lepton.report.dataset_runs import name_suffix, on_dataset
from lepton.report.figures import comparison as figures
from lepton.report.figures.hover import run_words
from lepton.report.figures.labels import option_label
from lepton.report.figures.style import MAX_DRAWN_RUNS
from lepton.report.number_format import format_interval, format_number, format_p_value
from lepton.stats.pairs import PairedScores

SCORE_COLUMNS = ("runs", "n", "{select}", "{metric}", "sd", "95 % interval")
DIFFERENCE_COLUMNS = ("minus baseline", "its 95 % interval", "pairs", "p (Holm)", "P(better)")
MIN_VALUES = 3  # of a number, to draw the score over it


def comparison_section(
    comparison: Comparison,
    finished: pd.DataFrame,
    *,
    with_figures: bool,
    without_curve: str | None = None,
) -> Section:
    """The section on one data set's comparison; `finished` holds the runs compared.

    Of the key `without_curve` the score is drawn elsewhere.
    """
    blocks: list[Block] = [Text(sentence) for sentence in conclusions(comparison)]
    blocks += [comparison_table(comparison), *further_blocks(comparison)]
    if comparison.runs_without_metric:
        blocks.append(Note(_runs_left_out(comparison.runs_without_metric, comparison.metric)))
    if with_figures:
        blocks.append(_distribution(comparison, finished))
        keys = [key for key in comparison.keys if key != without_curve]
        blocks += _scores_over_numbers(comparison, finished, keys)
        blocks += _paired_change(comparison)
    question = f"Which {' and '.join(comparison.keys)} is better{on_dataset(comparison.dataset)}?"
    return Section(question, blocks)


def comparison_table(comparison: Comparison) -> Table:
    """The comparison as a table of texts, without the columns that say nothing new."""
    metric = comparison.metric.replace("/", " ")
    select = selection_name(comparison.select)
    score_columns = [column.format(metric=metric, select=select) for column in SCORE_COLUMNS]
    header = [*comparison.keys, *score_columns, *DIFFERENCE_COLUMNS, "without result"]
    rows = []
    for option, (_, row) in zip(comparison.options(), comparison.table.iterrows(), strict=True):
        cells = [
            *map(setting_text, option),
            str(row["runs"]),
            str(row["n"]),
            format_number(row["score"]),
        ]
        cells += [format_number(row["mean"]), format_number(row["sd"])]
        cells.append(format_interval(row["low"], row["high"], units=row["units"]))
        is_baseline = option == comparison.baseline
        cells += ["baseline", *[""] * 4] if is_baseline else _difference_cells(row)
        rows.append([*cells, str(row["lost"] or "")])
    needless = _needless_columns(comparison)
    shown_columns = [i for i, column in enumerate(header) if column not in needless]
    return Table(
        f"comparison{name_suffix(comparison.dataset)}",
        _caption(comparison),
        [header[i] for i in shown_columns],
        [[row[i] for i in shown_columns] for row in rows],
        len(comparison.keys),
    )


def further_blocks(comparison: Comparison) -> list[Table | Note]:
    """What the options do to further metrics; none where none was asked for."""
    if not comparison.further:
        return []
    header, cells = [*comparison.keys], [[*map(setting_text, o)] for o in comparison.options()]
    for further in comparison.further:
        is_time = further.metric == SECONDS
        name = further.metric.replace("/", " ")
        sign, gap = ("", "times baseline's") if is_time else ("+", f"{name} minus baseline")
        header += [name, gap, f"95 % of {name}"]
        ordered = comparison.table[comparison.keys]
        rows = ordered.merge(further.table, on=comparison.keys, how="left")
        for option, row, (_, values) in zip(
            comparison.options(), cells, rows.iterrows(), strict=True
        ):
            is_baseline = option == comparison.baseline
            row.append(format_number(values["mean"]))
            row += ["baseline", ""] if is_baseline else _further_cells(values, sign)
    caption = (
        "Beside the metric compared, in the same order. Differences are paired as above; each "
        "interval is of one difference alone, uncorrected for how many are looked at. Of seconds "
        "of training the ratio is told, where both were trained alone, or both in stacks."
    )
    title = f"further{name_suffix(comparison.dataset)}"
    return [
        Table(title, caption, header, cells, len(comparison.keys)),
        *(
            Note(_runs_left_out(further.lacking, further.metric))
            for further in comparison.further
            if further.lacking
        ),
    ]


def _runs_left_out(count: int, metric: str) -> str:
    runs = f"{count} finished run{'s' if count > 1 else ''}"
    return f"{runs} without {metric} left out of this comparison."


def _further_cells(row: pd.Series, sign: str) -> list[str]:
    return [
        format_number(row["difference"], sign),
        format_interval(row["low"], row["high"], sign, units=row["pairs"]),
    ]


def forest_plot(comparison: Comparison) -> list[Figure]:
    """The differences from the baseline, where there is one that an interval is known of."""
    table = comparison.table
    if not np.isfinite(table["gap_low"].to_numpy(float)).any():
        return []
    baseline = comparison.option_name(comparison.baseline)
    metric = comparison.metric.replace("/", " ")
    return [
        Figure(
            f"forest{name_suffix(comparison.dataset)}",
            f"How far each option's {metric} is from that of {baseline}, with 95 % intervals"
            f"{on_dataset(comparison.dataset)}; dashed: no difference. Green is better and red "
            "worse beyond chance (Holm); grey cannot be told apart.",
            f"difference in {metric} from {baseline}: "
            + ", ".join(
                f"{option_label(option)} {format_number(difference, '+')}"
                for option, difference in zip(
                    comparison.options(), table["difference"], strict=True
                )
                if option != comparison.baseline
            ),
            lambda: figures.forest(comparison),
        )
    ]


def _difference_cells(row: pd.Series) -> list[str]:
    """The cells of DIFFERENCE_COLUMNS."""
    return [
        format_number(row["difference"], "+"),
        format_interval(row["gap_low"], row["gap_high"], "+", units=row["pairs"]),
        f"{row['pairs']:g}",
        format_p_value(row["p_holm"]),
        "" if np.isnan(row["better"]) else f"{row['better']:.3f}",
    ]


def _needless_columns(comparison: Comparison) -> set[str]:
    """The columns that repeat another one, or are empty."""
    table = comparison.table
    rivals = table[[option != comparison.baseline for option in comparison.options()]]
    needless: set[str] = set(DIFFERENCE_COLUMNS) if len(table) < 2 else set()
    if (table["runs"] == table["n"]).all():
        needless.add("runs")
    if (rivals["pairs"] == rivals["n"]).all():
        needless.add("pairs")
    if not table["lost"].any():
        needless.add("without result")
    return needless


def _caption(comparison: Comparison) -> str:
    direction = "larger" if comparison.larger_is_better else "smaller"
    caption = (
        f"Ordered by {selection_name(comparison.select)}, never by the test split; "
        f"{direction} is better in {comparison.metric}. n counts repetitions, over "
        f"which other settings are averaged; the interval of a mean is over {comparison.repeated}."
    )
    if comparison.unpaired:
        caption += (
            " With fewer than two pairs, the difference is one of means over settings, and its "
            "interval and p (corrected by Holm) are Welch's."
        )
    paired = [pairs for _, pairs in _paired_rivals(comparison, min_pairs=1)]
    if not paired:
        return caption
    test = "paired t-test"
    if any(pairs.ratio for pairs in paired):
        test = f"corrected resampled t-test (test to training rows {paired[0].ratio:.2f})"
    family = "the options"
    if comparison.is_baseline_chosen:
        family = "all pairs of options, since scores chose the baseline"
    return (
        f"{caption} Differences are paired over runs equal in everything else; p from a {test}, "
        f"corrected by Holm over {family}; P(better) from the Bayesian correlated t-test."
    )


def _paired_rivals(comparison: Comparison, min_pairs: int) -> list[tuple[tuple, PairedScores]]:
    """The options beside the baseline that make at least so many pairs with it."""
    return [
        (option, pairs)
        for option, pairs in comparison.pairs.items()
        if option != comparison.baseline and len(pairs.differences) >= min_pairs
    ]


def _distribution(comparison: Comparison, finished: pd.DataFrame) -> Figure:
    scored_runs = rows_by_key(finished.dropna(subset=comparison.metric), comparison.keys)
    scores = {option: runs[comparison.metric].to_numpy(float) for option, runs in scored_runs}
    words = {option: run_words(runs, comparison.metric) for option, runs in scored_runs}
    max_runs = MAX_DRAWN_RUNS // len(scores)
    drawn_runs = "every run"
    if any(len(option_scores) > max_runs for option_scores in scores.values()):
        drawn_runs = f"at most {max_runs} runs of each option, drawn by chance"
    metric = comparison.metric.replace("/", " ")
    means = zip(comparison.options(), comparison.table["mean"], strict=True)
    return Figure(
        f"distribution{name_suffix(comparison.dataset)}",
        f"{metric} of {drawn_runs}; bar: mean and its 95 % interval.",
        f"{metric} by option: "
        + ", ".join(f"{option_label(option)} {mean:.4f}" for option, mean in means),
        lambda: figures.distribution(comparison, scores, words),
    )


def _scores_over_numbers(
    comparison: Comparison, finished: pd.DataFrame, keys: list[str]
) -> list[Figure]:
    """The score over each of the keys that is a number, one line an option of the other keys."""
    return [
        _score_over_number(comparison, finished, key)
        for key in keys
        if is_number(finished[key]) and finished[key].nunique() >= MIN_VALUES
    ]


def _score_over_number(comparison: Comparison, finished: pd.DataFrame, key: str) -> Figure:
    metric = comparison.metric
    other_keys = [other for other in comparison.keys if other != key]
    options = rows_by_key(finished, other_keys) if other_keys else []
    untuned_metric = f"before/{metric}" if f"before/{metric}" in finished else None
    lines = f", a line for each {', '.join(other_keys)}" if other_keys else ""
    dots = "; dotted: a linear head on the untuned features" if untuned_metric else ""
    hidden = len(options) - figures.MAX_LINES
    left_out = f" {hidden} more options are not drawn." if hidden > 0 else ""
    return Figure(
        f"score_over_{key}{name_suffix(comparison.dataset)}",
        f"{metric.replace('/', ' ')} over {key}{lines}: mean of the runs, band from the "
        f"lowest to the highest{dots}.{left_out}",
        f"{metric} over {key}{lines}",
        lambda: figures.score_over_number(finished, key, other_keys, metric, untuned_metric),
        wide=True,
    )


def _paired_change(comparison: Comparison) -> list[Figure]:
    """The pairs of the baseline and the best option beside it; none where that has under two."""
    pairs_by_option = dict(_paired_rivals(comparison, min_pairs=2))
    rivals = [option for option in comparison.options() if option in pairs_by_option]
    if not rivals:
        return []
    pairs = pairs_by_option[rivals[0]]
    differences = pairs.differences
    labels = (option_label(comparison.baseline), option_label(rivals[0]))
    metric = comparison.metric.replace("/", " ")
    return [
        Figure(
            f"change{name_suffix(comparison.dataset)}",
            f"From {labels[0]} to {labels[1]}: a line a {pairs.unit}, green where {metric} gets "
            "better; thick: the mean.",
            f"{metric} of {len(differences)} pairs, mean difference {differences.mean():+.4f}",
            lambda: figures.paired_change(
                pairs, labels, comparison.metric, larger_is_better=comparison.larger_is_better
            ),
        )
    ]
