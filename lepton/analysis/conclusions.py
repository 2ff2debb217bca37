"""What a comparison does and does not allow to conclude, in plain sentences."""

import numpy as np
import pandas as pd

from lepton.analysis.comparison import Comparison

SIGNIFICANCE_LEVEL = 0.05
FEW = 3  # options named of those that cannot be compared


def sentences(comparison: Comparison) -> list[str]:
    """One for each option beside the baseline."""
    if len(comparison.table) < 2:
        return ["One option alone: there is nothing to compare it with."]
    pairs = zip(comparison.options(), comparison.table.iterrows(), strict=True)
    rest = [(option, row) for option, (_, row) in pairs if option != comparison.baseline]
    alone = [o for o, row in rest if not row["pairs"] and o not in comparison.unpaired]
    said = [sentence(comparison, option, row) for option, row in rest if option not in alone]
    return [*said, _incomparable(comparison, alone)] if alone else said


def _incomparable(comparison: Comparison, options: list[tuple]) -> str:
    """The options that have nothing in common with the baseline, and what they differ in."""
    names = ", ".join(map(comparison.name, options[:FEW]))
    names += f" and {len(options) - FEW} more" if len(options) > FEW else ""
    differ = dict.fromkeys(s for option in options for s in comparison.pairs[option].settings)
    also = f" (they differ in {', '.join(differ)} too)" if differ else ""
    return (
        f"Not comparable with {comparison.name(comparison.baseline)}, since no two runs are equal "
        f"in everything else{also}: {names}. Train each with the same other settings and seeds."
    )


def caveat(comparisons: list[Comparison]) -> list[str]:
    """What seeds say nothing about, where pairs are seeds; what differences without pairs hold."""
    said = []
    if any(c.unpaired for c in comparisons):
        said.append(
            "A difference without pairs is also one of all else that the runs differ in, and a "
            "search draws more of what scored well: it says which option did better here, and a "
            "grid says which is better."
        )
    if not any(p.unit == "seed" and len(p.gaps) for c in comparisons for p in c.pairs.values()):
        return said
    return [
        *said,
        "All of this is about one split of the data: seeds say how much training varies, not "
        "what another split would give (dataset.folds=5 dataset.fold='range(5)' does).",
    ]


def sentence(comparison: Comparison, option: tuple, row: pd.Series) -> str:
    a, b = comparison.name(option), comparison.name(comparison.baseline)
    gap, found = row["difference"], comparison.pairs[option]
    metric, number = comparison.metric.replace("/", " "), int(row["pairs"])
    if option in comparison.unpaired:
        return _unpaired(comparison, option, row)
    units = f"{number} {found.unit}{'' if number == 1 else 's'}"
    over = f" (means over {', '.join(found.settings)})" if _averaged(found) else ""
    if number == 1:
        return (
            f"{a} differs from {b} by {gap:+.4f} {metric} in one pair of runs{over}, which can "
            "be chance; add seed='range(5)'."
        )
    if np.isnan(row["p"]):
        if gap == 0:
            return f"{a} and {b} gave the same {metric} on all {units}{over}."
        return f"{a} differs from {b} by {gap:+.4f} {metric} on each of {units}{over}."
    between = f"95 %: {row['gap_low']:+.4f} to {row['gap_high']:+.4f}"
    p = f"p {_p(row['p_holm'])}"
    if row["p_holm"] < SIGNIFICANCE_LEVEL:
        better = "better" if (gap > 0) == comparison.larger else "worse"
        return (
            f"{a} is {better} than {b} by {abs(gap):.4f} {metric} ({between}; {units}{over}; {p})."
        )
    return (
        f"{units[0].upper()}{units[1:]} cannot tell {a} and {b} apart: {gap:+.4f} {metric}"
        f"{over} ({between}; {p})."
    )


def _unpaired(comparison: Comparison, option: tuple, row: pd.Series) -> str:
    """Of runs that have nothing but the option to be told by."""
    a, b = comparison.name(option), comparison.name(comparison.baseline)
    found, gap = comparison.unpaired[option], row["difference"]
    metric = comparison.metric.replace("/", " ")
    word = "told apart" if row["p_holm"] < SIGNIFICANCE_LEVEL else "not told apart"
    also = f", which differ in {', '.join(found.settings)} too" if found.settings else ""
    return (
        f"Without pairs, {a} and {b} are {word}: {gap:+.4f} {metric} between the means of "
        f"{len(found.option)} and {len(found.baseline)} {found.unit}s{also} (Welch's 95 %: "
        f"{row['gap_low']:+.4f} to {row['gap_high']:+.4f}; p {_p(row['p_holm'])})."
    )


def _averaged(found) -> bool:
    return bool(found.settings) and found.unit != "setting"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def headline(comparison: Comparison) -> str:
    """Which option has the best validation score, and whether the test split tells it apart."""
    first = comparison.options()[0]
    where = f" on {comparison.dataset}" if comparison.dataset else ""
    start = f"{comparison.name(first)} has the best validation score{where}"
    if len(comparison.table) < 2:
        return f"{start}; there is nothing to compare it with."
    rest = comparison.table[[o != comparison.baseline for o in comparison.options()]]
    if rest["pairs"].max() < 2 and not comparison.unpaired:
        return f"{start}; too few runs are equal in everything else to compare options by."
    sure = int((rest["p_holm"] < SIGNIFICANCE_LEVEL).sum())
    base = comparison.name(comparison.baseline)
    if not sure:
        return f"{start}. No option can be told from {base} by {comparison.metric}."
    return (
        f"{start}. {sure} of {len(rest)} {'option' if len(rest) == 1 else 'options'} can be told "
        f"from {base} by {comparison.metric}."
    )
