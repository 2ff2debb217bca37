"""What training changed: a network before and after it was tuned, and the task it came from."""

import pandas as pd

from lepton.analysis.comparison import larger_is_better, word
from lepton.analysis.grouping import REPEATS, groups, others
from lepton.report.answers import number, small_p, span
from lepton.report.blocks import Block, Figure, Section, Table, Text
from lepton.report.figures import changes as draw
from lepton.report.figures.options import label
from lepton.report.parts import Part
from lepton.stats.pairs import Pairs, holm, interval, pairs

MOST = 24  # options shown
FIRST = ("auroc", "rmse", "accuracy", "log_loss", "mae", "r2")


def section(parts: list[Part], keys: list[str]) -> list[Section]:
    """Tuned against untuned, and what is left of the first task; none where nothing was tuned."""
    blocks = []
    for part in parts:
        if "finetune" in part.runs:
            own = part.differ(keys) or ["finetune"]
            blocks += _tuned(part.runs, own, part.metric, part.suffix, part.where)
            blocks += _forgotten(part.runs, own, part.suffix, part.where)
    return [Section("Before and after fine-tuning", blocks)] if blocks else []


def _tuned(part: pd.DataFrame, keys: list[str], metric: str, suffix: str, where: str):
    found = _pairs(part, keys, f"before/{metric}", metric)
    if not found:
        return []
    name = metric.replace("/", " ")
    caption = (
        f"{name}{where} of the tuned networks, minus that of the best linear head of "
        "scikit-learn's on the features as they were before tuning. Paired: a run has both."
    )
    return _shown(
        found, keys, f"before_after{suffix}", metric, caption, f"tuned against untuned{where}"
    )


def _forgotten(part: pd.DataFrame, keys: list[str], suffix: str, where: str):
    names = [n for n in FIRST if f"source/after/test/{n}" in part]
    if not names:
        return []
    before, after = (f"source/{when}/test/{names[0]}" for when in ("before", "after"))
    found = _pairs(part, keys, before, after)
    if not found:
        return []
    caption = (
        f"test {names[0]} on the task that the network came from{where}: after tuning minus "
        "before, with the head it had there."
    )
    metric = f"test/{names[0]}"
    return _shown(found, keys, f"forgetting{suffix}", metric, caption, f"the first task{where}")


def _pairs(part: pd.DataFrame, keys: list[str], before: str, after: str) -> dict[tuple, Pairs]:
    """What each option's runs had before and after, averaged as comparisons do it."""
    if before not in part or after not in part:
        return {}
    part = part[part[before].notna() & part[after].notna()]
    keys = [key for key in keys if key in part]
    found = {}
    for option, runs in groups(part, keys)[:MOST] if len(part) else []:
        old = runs.assign(**{after: runs[before]})
        found[option] = pairs(runs, old, after, others(runs, old, keys), REPEATS)
    return found


def _shown(found, keys: list[str], name: str, metric: str, caption: str, alt: str) -> list[Block]:
    larger = larger_is_better(metric)
    p = holm(pd.Series([known.p for known in found.values()]).to_numpy(float))
    rows = []
    for (option, known), corrected in zip(found.items(), p, strict=True):
        mean, low, high = interval(known.gaps, known.ratio)
        cells = [number(known.baseline.mean()), number(known.option.mean()), number(mean, "+")]
        tested = "" if pd.isna(corrected) else small_p(corrected)
        rows.append(
            [*map(word, option), str(len(known.gaps)), *cells, span(low, high, "+"), tested]
        )
    unit = next(iter(found.values())).unit
    head = [*keys, f"{unit}s", "before", "after", "change", "its 95 % interval", "p (Holm)"]
    return [
        Text(_said(found, p, larger, alt)),
        Table(name, caption, head, rows, len(keys)),
        Figure(
            name,
            f"{metric.replace('/', ' ')}, {alt}: from the open to the filled dot, means; a thin "
            f"line a {unit}, green where it gets better.",
            f"{alt}: " + "; ".join(f"{label(o)} {p.gaps.mean():+.4f}" for o, p in found.items()),
            lambda: draw.before_after(found, metric.replace("/", " "), larger=larger),
        ),
    ]


def _said(found: dict[tuple, Pairs], p, larger: bool, what: str) -> str:
    """How many options changed, and whether for the better."""
    sign = 1 if larger else -1
    sure = [
        sign * pairs.gaps.mean() for pairs, q in zip(found.values(), p, strict=True) if q < 0.05
    ]
    up, down = sum(gap > 0 for gap in sure), sum(gap < 0 for gap in sure)
    rest = len(found) - up - down
    options = f"{len(found)} option{'' if len(found) == 1 else 's'}"
    return (
        f"Of {options}, {what}: {up} better, {down} worse, {rest} not told apart (p < 0.05 after "
        "Holm's correction)."
    )
