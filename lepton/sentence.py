"""What a comparison does and does not allow to conclude, in plain sentences."""

import numpy as np
import pandas as pd

from lepton.question import Comparison

SURE = 0.05


def sentences(comparison: Comparison) -> list[str]:
    """One for each option beside the baseline."""
    if len(comparison.table) < 2:
        return ["One option alone: there is nothing to compare it with."]
    return [
        sentence(comparison, option, row)
        for option, (_, row) in zip(comparison.options(), comparison.table.iterrows(), strict=True)
        if option != comparison.baseline
    ]


def caveat(comparisons: list[Comparison]) -> list[str]:
    """What seeds say nothing about, where pairs are seeds."""
    if not any(p.unit == "seed" and len(p.gaps) for c in comparisons for p in c.pairs.values()):
        return []
    return [
        "All of this is about one split of the data: seeds say how much training varies, not "
        "what another split would give (dataset.folds=5 dataset.fold='range(5)' does)."
    ]


def sentence(comparison: Comparison, option: tuple, row: pd.Series) -> str:
    a, b = comparison.name(option), comparison.name(comparison.baseline)
    gap, found = row["difference"], comparison.pairs[option]
    metric, number = comparison.metric.replace("/", " "), int(row["pairs"])
    if number == 0:
        return f"{a} and {b} have no two runs that are equal in everything else: not comparable."
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
    if row["p_holm"] < SURE:
        better = "better" if (gap > 0) == comparison.larger else "worse"
        return (
            f"{a} is {better} than {b} by {abs(gap):.4f} {metric} ({between}; {units}{over}; {p})."
        )
    return (
        f"{units[0].upper()}{units[1:]} cannot tell {a} and {b} apart: {gap:+.4f} {metric}"
        f"{over} ({between}; {p})."
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
    if rest["pairs"].max() < 2:
        return f"{start}; too few runs are equal in everything else to compare options by."
    sure = int((rest["p_holm"] < SURE).sum())
    base = comparison.name(comparison.baseline)
    if not sure:
        return f"{start}. No option can be told from {base} by {comparison.metric}."
    return (
        f"{start}. {sure} of {len(rest)} {'option' if len(rest) == 1 else 'options'} can be told "
        f"from {base} by {comparison.metric}."
    )
