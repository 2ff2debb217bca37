"""Sections that answer the question: the options compared, on each data set and over all."""

import numpy as np
import pandas as pd

from lepton.analysis.comparison import Comparison, larger_is_better, word
from lepton.analysis.conclusions import caveat, headline, sentences
from lepton.analysis.grouping import groups
from lepton.report.blocks import Block, Figure, Note, Section, Table, Text
from lepton.report.figures import changes
from lepton.report.figures import options as draw
from lepton.report.style import SAMPLE
from lepton.stats.bayes import signed_rank
from lepton.stats.ranks import Ranks, ranks

DRAWN = 4  # data sets with figures of their own
HEAD = ("runs", "n", "validation score", "{metric}", "sd", "95 % interval")
GAPS = ("minus baseline", "its 95 % interval", "pairs", "p (Holm)", "P(better)")


def section(comparison: Comparison, finished: pd.DataFrame, *, figures: bool) -> Section:
    """One data set's table, what it allows to conclude, and its distribution."""
    where = f" on {comparison.dataset}" if comparison.dataset else ""
    blocks: list[Block] = [Text(line) for line in sentences(comparison)]
    blocks.append(table(comparison))
    if comparison.lacking:
        runs = f"{comparison.lacking} finished run{'s' if comparison.lacking > 1 else ''}"
        blocks.append(Note(f"{runs} without {comparison.metric} left out of this comparison."))
    if figures:
        blocks += _figures(comparison, finished)
    return Section(f"Which {' and '.join(comparison.keys)} is better{where}?", blocks)


def table(comparison: Comparison) -> Table:
    """The comparison as text, the baseline among its options; no column that says nothing."""
    metric = comparison.metric.replace("/", " ")
    head = [*comparison.keys, *(h.format(metric=metric) for h in HEAD), *GAPS, "without result"]
    rows = []
    for option, (_, row) in zip(comparison.options(), comparison.table.iterrows(), strict=True):
        cells = [*map(word, option), str(row["runs"]), str(row["n"]), number(row["score"])]
        cells += [number(row["mean"]), number(row["sd"]), span(row["low"], row["high"])]
        cells += _gap(row) if option != comparison.baseline else ["baseline", *[""] * 4]
        rows.append([*cells, str(row["lost"] or "")])
    known = comparison.table
    rest = known[[option != comparison.baseline for option in comparison.options()]]
    needless = {
        "runs": (known["runs"] == known["n"]).all(),
        "pairs": (rest["pairs"] == rest["n"]).all(),
        "without result": not known["lost"].any(),
        **dict.fromkeys(GAPS if len(known) < 2 else (), True),
    }
    kept = [i for i, name in enumerate(head) if not needless.get(name)]
    rows = [[row[i] for i in kept] for row in rows]
    name = "comparison" + (f"_{comparison.dataset}" if comparison.dataset else "")
    head = [head[i] for i in kept]
    return Table(name, _caption(comparison), head, rows, len(comparison.keys))


def _gap(row: pd.Series) -> list[str]:
    cells = [number(row["difference"], "+"), span(row["gap_low"], row["gap_high"], "+")]
    p = "" if np.isnan(row["p_holm"]) else small_p(row["p_holm"])
    better = "" if np.isnan(row["better"]) else f"{row['better']:.3f}"
    return [*cells, f"{row['pairs']:g}", p, better]


def _caption(comparison: Comparison) -> str:
    way = "larger" if comparison.larger else "smaller"
    said = f"Ordered by validation score, never by the test split; {way} is better in "
    said += f"{comparison.metric}. n counts repetitions, over which other settings are averaged."
    found = [c for o, c in comparison.pairs.items() if o != comparison.baseline and len(c.gaps)]
    if comparison.unpaired:
        said += (
            " With fewer than two pairs, the difference is one of means over settings, and its "
            "interval and p (corrected by Holm) are Welch's."
        )
    if not found:
        return said
    test = "paired t-test"
    if any(c.ratio for c in found):
        test = f"corrected resampled t-test (test to training rows {found[0].ratio:.2f})"
    return (
        f"{said} Differences are paired over runs equal in everything else; p from a {test}, "
        "corrected by Holm over the options; P(better) from the Bayesian correlated t-test."
    )


def number(value: float, sign: str = "") -> str:
    return "" if pd.isna(value) else f"{value:{sign}.4f}"


def small_p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def span(low: float, high: float, sign: str = "") -> str:
    known = pd.notna(low) and high > low
    return f"{low:{sign}.4f} to {high:{sign}.4f}" if known else ""


def _figures(comparison: Comparison, finished: pd.DataFrame) -> list[Block]:
    values = {
        key: part[comparison.metric].dropna().to_numpy(float)
        for key, part in groups(finished, comparison.keys)
    }
    suffix = f"_{comparison.dataset}" if comparison.dataset else ""
    metric = comparison.metric.replace("/", " ")
    blocks: list[Block] = [
        Figure(
            f"distribution{suffix}",
            f"{metric} of {_drawn(values)}; bar: mean and its 95 % interval.",
            f"{metric} by option: " + _means(comparison),
            lambda: draw.distribution(comparison, values),
        )
    ]
    blocks += _over(comparison, finished, suffix)
    rivals = [o for o in comparison.options() if o != comparison.baseline]
    rivals = [o for o in rivals if len(comparison.pairs[o].gaps) > 1]
    if rivals:
        found, first = comparison.pairs[rivals[0]], rivals[0]
        names = (draw.label(comparison.baseline), draw.label(first))
        blocks.append(
            Figure(
                f"change{suffix}",
                f"From {names[0]} to {names[1]}: a line a {found.unit}, green where {metric} gets "
                "better; thick: the mean.",
                f"{metric} of {len(found.gaps)} pairs, mean difference {found.gaps.mean():+.4f}",
                lambda: draw.change(found, names, comparison.metric, comparison.larger),
            )
        )
    return blocks


def _over(comparison: Comparison, finished: pd.DataFrame, suffix: str) -> list[Block]:
    """The score over each compared key that is a number, a line an option of the other keys."""
    metric, blocks = comparison.metric, []
    for key in comparison.keys:
        column = finished[key].dropna()
        plain = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
        if not plain or finished[key].nunique() < 3:
            continue
        rest = [other for other in comparison.keys if other != key]
        options = groups(finished, rest) if rest else []
        untuned = f"before/{metric}" if f"before/{metric}" in finished else None
        lines = f", a line for each {', '.join(rest)}" if rest else ""
        more = len(options) - changes.LINES
        cut = f" {more} more options are not drawn." if more > 0 else ""
        dots = "; dotted: a linear head on the untuned features" if untuned else ""
        blocks.append(
            Figure(
                f"score_over_{key}{suffix}",
                f"{metric.replace('/', ' ')} over {key}{lines}: mean of the runs, band from the "
                f"lowest to the highest{dots}.{cut}",
                f"{metric} over {key}{lines}",
                lambda key=key, rest=rest, untuned=untuned: changes.over(
                    finished, key, rest, metric, untuned
                ),
                wide=True,
            )
        )
    return blocks


def _drawn(values: dict[tuple, np.ndarray]) -> str:
    most = SAMPLE // len(values)
    if all(len(found) <= most for found in values.values()):
        return "every run"
    return f"at most {most} runs of each option, drawn by chance"


def _means(comparison: Comparison) -> str:
    pairs = zip(comparison.options(), comparison.table["mean"], strict=True)
    return ", ".join(f"{draw.label(option)} {mean:.4f}" for option, mean in pairs)


def across(comparisons: list[Comparison]) -> list[Section]:
    """Average ranks over several data sets; none for one."""
    if len(comparisons) < 2:
        return []
    found = _ranks(comparisons)
    baseline = draw.label(comparisons[0].baseline)
    if found.datasets < 2:
        words = "The data sets have no two in common on which every option was run: no ranks."
        return [Section("Over all data sets", [Note(words)])]
    rows = [[option, f"{rank:.2f}", *_wins(found, option)] for option, rank in _by_rank(found)]
    head = ["option", "average rank", "wins", "ties", "losses", "P(better)"]
    caption = (
        f"Ranks of mean test scores over {found.datasets} data sets (1 is best); wins, ties and "
        f"losses against {baseline}; P(better) on one more data set from the Bayesian signed-rank "
        "test."
    )
    probable = _probable(comparisons)
    rows = [[*row, number(probable.get(row[0], np.nan))] for row in rows]
    blocks: list[Block] = [Text(_said(found)), Table("ranks", caption, head, rows, 1)]
    blocks.append(
        Figure(
            "critical_difference",
            "Average ranks, best left; a bar joins options whose ranks differ by less than "
            "Nemenyi's critical difference at 5 %.",
            "average ranks: " + ", ".join(f"{o} {r:.2f}" for o, r in _by_rank(found)),
            lambda: draw.critical_difference(found),
        )
    )
    return [Section("Over all data sets", blocks)]


def _by_rank(found: Ranks) -> list[tuple[str, float]]:
    return sorted(found.mean.items(), key=lambda item: item[1])


def _scores(comparisons: list[Comparison]) -> pd.DataFrame:
    """A row a data set, a column an option; larger is better."""
    table = {}
    for comparison in comparisons:
        sign = 1 if larger_is_better(comparison.metric) else -1
        names = map(draw.label, comparison.options())
        table[comparison.dataset] = dict(zip(names, sign * comparison.table["mean"], strict=True))
    return pd.DataFrame(table).T


def _ranks(comparisons: list[Comparison]) -> Ranks:
    return ranks(_scores(comparisons), draw.label(comparisons[0].baseline))


def _probable(comparisons: list[Comparison]) -> dict[str, float]:
    scores, base = _scores(comparisons).dropna(), draw.label(comparisons[0].baseline)
    gaps = {o: (scores[o] - scores[base]).to_numpy(float) for o in scores if o != base}
    return {option: signed_rank(gap) for option, gap in gaps.items()}


def _wins(found: Ranks, option: str) -> list[str]:
    row = found.wins[found.wins["option"] == option]
    return [str(row[c].iloc[0]) if len(row) else "" for c in ("wins", "ties", "losses")]


def _said(found: Ranks) -> str:
    first, second, *_ = _by_rank(found)
    if len(found.mean) == 2:
        return f"{first[0]} has the better average rank, {first[1]:.2f} against {second[1]:.2f}."
    test = f"Friedman's chi-square {found.chi2:.2f}; p of Iman and Davenport's F {found.p:.3f}"
    if found.p >= 0.05:
        return f"{found.datasets} data sets cannot tell the options apart ({test})."
    apart = [o for o, r in _by_rank(found)[1:] if r - first[1] >= found.difference]
    least = f"Nemenyi's critical difference is {found.difference:.2f}"
    if not apart:
        return f"Not all options are equal ({test}), but which differ cannot be told: {least}."
    return f"{first[0]} ranks better than {', '.join(apart)} ({test}; {least})."


def answer(comparisons: list[Comparison]) -> list[str]:
    """The report in a few sentences."""
    said = [headline(comparison) for comparison in comparisons[:DRAWN]]
    if len(comparisons) > 1 and (found := _ranks(comparisons)).datasets > 1:
        said.append(_said(found))
    return [*said, *caveat(comparisons)]
