"""The section on which settings explain the validation score, "Which choices mattered?"."""

import pandas as pd

from lepton.analysis.conclusions import SIGNIFICANCE_LEVEL
from lepton.analysis.score_metrics import selection_name
from lepton.metric.direction import larger_is_better
from lepton.report.blocks import Block, Figure, Note, Section, Table, Text
from lepton.report.figures.importance import importance_bars, interaction
from lepton.report.number_format import format_p_value, format_percent
from lepton.stats.importance import Importance, comparable_scores

TITLE = "Which choices mattered?"
MAX_PAIRS = 3  # of keys, in the table
PAIR_BEYOND_SINGLES = "what the two explain beyond what each does alone"
PAIR_WITHIN_SINGLES = (
    "what only the two together explain, which the share of each holds too, so that shares may "
    "add up to more than all"
)


def importance_section(
    importance: Importance | None, finished: pd.DataFrame, score: str
) -> Section:
    """The share of the validation score's variance that each key explains."""
    if importance is None:
        text = "Too few finished runs, or too little that differs between them, to weigh choices."
        return Section(TITLE, [Note(text)])
    shares = importance.shares.items()
    blocks: list[Block] = [
        Text(_conclusion(importance)),
        _share_table(importance, score),
    ]
    if len(importance.shares) > 1:  # one bar says what the table says
        blocks.append(
            Figure(
                "importance",
                f"Variance of {selection_name(score)} explained by each key ({importance.method}).",
                ", ".join(f"{key} {format_percent(share)}" for key, share in shares),
                lambda: importance_bars(importance, selection_name(score)),
            )
        )
    if importance.top_two:
        blocks.append(_interaction(importance.top_two, finished, score))
    return Section(TITLE, blocks)


def _conclusion(importance: Importance) -> str:
    """A sentence on the key that explains most of those that explain more than chance."""
    largest = next(iter(importance.shares))
    told = [key for key in importance.shares if importance.p[key] < SIGNIFICANCE_LEVEL]
    key = told[0] if told else largest
    share = f"{format_percent(importance.shares[key])} of the variance"
    p = f"p {format_p_value(importance.p[key])} against shuffled scores"
    if not told:
        return f"No key explains more than chance can: the largest share is {key}'s, {share} ({p})."
    if key != largest:
        return f"{key} explains more than chance: {share} ({p})."
    return f"{key} explains most: {share} ({p})."


def _share_table(importance: Importance, score: str) -> Table:
    """The share of each key, largest first, then those of some pairs of keys."""
    header = ["key", "values", "p", "variance explained"]
    rows = [
        [
            key,
            str(importance.levels[key]),
            format_p_value(importance.p[key]),
            format_percent(share),
        ]
        for key, share in importance.shares.items()
    ]
    pair_rows = [
        [f"{first} with {second}", "", "", format_percent(share)]
        for (first, second), share in [*importance.pairs.items()][:MAX_PAIRS]
    ]
    if importance.chance:
        header.append("by chance alone")
        rows = [[*row, format_percent(importance.chance[row[0]])] for row in rows]
        pair_rows = [[*row, ""] for row in pair_rows]
    pair_meaning = PAIR_BEYOND_SINGLES if importance.chance else PAIR_WITHIN_SINGLES
    caption = (
        f"Share of the variance of {selection_name(score)}, by {importance.method}. All keys "
        f"together explain {format_percent(importance.explained)}; the rest is seeds and chance. "
        f"A pair's share is {pair_meaning}. p: how often shuffled scores differ as much between "
        "the values of any key."
    )
    return Table("importance", caption, header, [*rows, *pair_rows], 1)


def _interaction(keys: tuple[str, str], finished: pd.DataFrame, score: str) -> Figure:
    """The mean score for each pair of values of two keys."""
    has_several = "dataset" in finished and finished["dataset"].nunique() > 1
    unit = ", in standard deviations from the mean on each data set" if has_several else ""
    scored = finished[finished[score].notna()]
    scored = scored.assign(score=comparable_scores(scored, score))
    better = "fuller" if larger_is_better(score, finished) else "emptier"
    first, second = keys
    return Figure(
        "interaction",
        f"Mean {selection_name(score)} for values of {first} and {second}{unit}; "
        f"{better} is better.",
        f"mean {selection_name(score)} by {first} and {second}",
        lambda: interaction(scored, keys, "score"),
    )
