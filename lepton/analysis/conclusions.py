"""Conclusions that a comparison allows, and those that it does not, in plain sentences."""

import numpy as np
import pandas as pd

from lepton.analysis.comparison import Comparison
from lepton.analysis.label_use import label_use_note
from lepton.analysis.score_metrics import selection_name
from lepton.stats.pairs import PairedScores
from lepton.stats.repetitions import MIN_UNITS

SIGNIFICANCE_LEVEL = 0.05
MAX_NAMED_OPTIONS = 3  # of those that cannot be compared


def conclusions(comparison: Comparison) -> list[str]:
    """A sentence for each option beside the baseline."""
    if len(comparison.table) < 2:
        return ["One option alone: there is nothing to compare it with."]
    sentences, incomparable = [], []
    for option, (_, row) in zip(comparison.options(), comparison.table.iterrows(), strict=True):
        if option == comparison.baseline:
            continue
        if not row["pairs"] and option not in comparison.unpaired:
            incomparable.append(option)
        else:
            sentences.append(conclusion(comparison, option, row))
    return [*sentences, _incomparable(comparison, incomparable)] if incomparable else sentences


def _incomparable(comparison: Comparison, options: list[tuple]) -> str:
    """A sentence on the options that have no run in common with the baseline, and why."""
    names = ", ".join(map(comparison.option_name, options[:MAX_NAMED_OPTIONS]))
    more = len(options) - MAX_NAMED_OPTIONS
    names += f" and {more} more" if more > 0 else ""
    settings = dict.fromkeys(s for option in options for s in comparison.pairs[option].settings)
    also = f" (they differ in {', '.join(settings)} too)" if settings else ""
    baseline = comparison.option_name(comparison.baseline)
    return (
        f"Not comparable with {baseline}, since no two runs are equal "
        f"in everything else{also}: {names}. Train each with the same other settings and seeds."
    )


def caveats(comparisons: list[Comparison]) -> list[str]:
    """Sentences on what scores, pairs of seeds, and differences without pairs do not say."""
    cautions = dict.fromkeys(comparison.caution for comparison in comparisons)
    sentences = [caution for caution in cautions if caution]
    sentences += label_use_note([comparison.dataset for comparison in comparisons])
    if any(comparison.unpaired for comparison in comparisons):
        sentences.append(
            "A difference without pairs is also one of all else that the runs differ in, and a "
            "search draws more of what scored well: it says which option did better here, and a "
            "grid says which is better."
        )
    pairs = [p for comparison in comparisons for p in comparison.pairs.values()]
    if any(p.unit == "seed" and len(p.differences) for p in pairs):
        sentences.append(
            "All of this is about one split of the data: seeds say how much training varies, not "
            "what another split would give (-m dataset.folds=5 dataset.fold='range(5)' does)."
        )
    return sentences


def conclusion(comparison: Comparison, option: tuple, row: pd.Series) -> str:
    """A sentence on an option and the baseline; `row`: the option's row of the table."""
    if option in comparison.unpaired:
        return _unpaired_conclusion(comparison, option, row)
    name, baseline = comparison.option_name(option), comparison.option_name(comparison.baseline)
    gap, pairs = row["difference"], comparison.pairs[option]
    metric, count = comparison.metric.replace("/", " "), int(row["pairs"])
    units = f"{count} {pairs.unit}{'' if count == 1 else 's'}"
    over = f" (means over {', '.join(pairs.settings)})" if _are_means(pairs) else ""
    if count == 1:
        return (
            f"{name} differs from {baseline} by {gap:+.4f} {metric} in one pair of runs{over}, "
            "which can be chance; add -m seed='range(5)'."
        )
    if np.isnan(row["p"]):
        if count < MIN_UNITS and np.ptp(pairs.differences):
            key = "dataset.split_seed" if pairs.unit == "split" else "seed"
            return (
                f"{name} differs from {baseline} by {gap:+.4f} {metric} over {units}{over}, too "
                f"few for an interval or a test; add -m {key}='range(5)'."
            )
        if gap == 0:
            return f"{name} and {baseline} gave the same {metric} on all {units}{over}."
        return f"{name} differs from {baseline} by {gap:+.4f} {metric} on each of {units}{over}."
    interval = f"95 % [{row['gap_low']:+.4f}, {row['gap_high']:+.4f}]"
    p = f"p {_p_text(row['p_holm'])}"
    if row["p_holm"] < SIGNIFICANCE_LEVEL:
        better = "better" if (gap > 0) == comparison.larger_is_better else "worse"
        return (
            f"{name} is {better} than {baseline} by {abs(gap):.4f} {metric} ({interval}; "
            f"{units}{over}; {p})."
        )
    return (
        f"{units[0].upper()}{units[1:]} cannot tell {name} and {baseline} apart: {gap:+.4f} "
        f"{metric}{over} ({interval}; {p})."
    )


def _unpaired_conclusion(comparison: Comparison, option: tuple, row: pd.Series) -> str:
    """A sentence on runs that have nothing but the option to be told by."""
    name, baseline = comparison.option_name(option), comparison.option_name(comparison.baseline)
    gap, scores = row["difference"], comparison.unpaired[option]
    metric = comparison.metric.replace("/", " ")
    verdict = "told apart" if row["p_holm"] < SIGNIFICANCE_LEVEL else "not told apart"
    also = f", which differ in {', '.join(scores.settings)} too" if scores.settings else ""
    return (
        f"Without pairs, {name} and {baseline} are {verdict}: {gap:+.4f} {metric} between the "
        f"means of {len(scores.option)} and {len(scores.baseline)} {scores.unit}s{also} (Welch's "
        f"95 % [{row['gap_low']:+.4f}, {row['gap_high']:+.4f}]; p {_p_text(row['p_holm'])})."
    )


def _are_means(pairs: PairedScores) -> bool:
    """True when each pair is one of means over other settings."""
    return bool(pairs.settings) and pairs.unit != "setting"


def _p_text(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def headline(comparison: Comparison) -> str:
    """A sentence on whether the test split tells options apart, and on the option with the best
    validation score."""
    first = comparison.options()[0]
    where = f" on {comparison.dataset}" if comparison.dataset else ""
    best = f"{comparison.option_name(first)} has the best {selection_name(comparison.select)}"
    if len(comparison.table) < 2:
        return f"{best}{where}; there is nothing to compare it with."
    rivals = comparison.table[[o != comparison.baseline for o in comparison.options()]]
    baseline = comparison.option_name(comparison.baseline)
    ahead = _ahead_on_test(comparison)
    if rivals["pairs"].max() < MIN_UNITS and not comparison.unpaired:
        return (
            f"No winner{where}: too few runs are equal in everything else to compare options by. "
            f"{best}{ahead}."
        )
    significant = int((rivals["p_holm"] < SIGNIFICANCE_LEVEL).sum())
    if not significant:
        return (
            f"No winner{where}: no option can be told from {baseline} by {comparison.metric}. "
            f"{best}{ahead}."
        )
    start = f"No winner{where}: {best}{ahead}" if ahead else f"{best}{where}"
    return (
        f"{start}. {significant} of {len(rivals)} {'option' if len(rivals) == 1 else 'options'} "
        f"can be told from {baseline} by {comparison.metric}."
    )


def _ahead_on_test(comparison: Comparison) -> str:
    """What to add to the option of the best validation score where another's mean is better."""
    sign = 1 if comparison.larger_is_better else -1
    means = sign * comparison.table["mean"].to_numpy(float)
    if not (means > means[0]).any():
        return ""
    other, metric = int(np.nanargmax(means)), comparison.metric.replace("/", " ")
    name = comparison.option_name(comparison.options()[other])
    return f", and {name} the better mean {metric} ({sign * means[other]:.4f}, not " + (
        f"{sign * means[0]:.4f})"
    )
