"""The section that ranks options over several data sets, and its one-sentence conclusion."""

import pandas as pd

from lepton.analysis.comparison import Comparison, setting_text
from lepton.analysis.conclusions import SIGNIFICANCE_LEVEL
from lepton.analysis.label_use import label_use_note, without_label_use
from lepton.report.blocks import Block, Figure, Note, Section, Table, Text
from lepton.report.figures.ranking import critical_difference
from lepton.report.number_format import format_number
from lepton.stats.bayes import signed_rank_test
from lepton.stats.ranks import Ranks, rank_options

TITLE = "Over all data sets"
MIN_DATASETS = 12  # of P(better), which of fewer is too sure of itself


def ranking_section(comparisons: list[Comparison]) -> list[Section]:
    """The average ranks of options over several data sets; no section for one data set."""
    if _count_datasets(comparisons) < 2:
        return []
    if label_use_note([comparison.dataset for comparison in comparisons]):
        text = "Some data sets stand here in two kinds, which share their test rows: no ranks."
        return [Section(TITLE, [Note(text)])]
    option_ranks = _ranks(comparisons)
    if option_ranks.datasets < 2:
        text = "The data sets have no two in common on which every option was run: no ranks."
        return [Section(TITLE, [Note(text)])]
    best_first = _best_first(option_ranks)
    blocks: list[Block] = [
        Text(_conclusion(option_ranks)),
        _rank_table(comparisons, option_ranks),
        Figure(
            "critical_difference",
            "Average ranks, best left; a bar joins options whose ranks differ by less than "
            "Nemenyi's critical difference at 5 %.",
            "average ranks: " + ", ".join(f"{option} {rank:.2f}" for option, rank in best_first),
            lambda: critical_difference(option_ranks),
        ),
    ]
    return [Section(TITLE, blocks)]


def ranking_conclusion(comparisons: list[Comparison]) -> list[str]:
    """One sentence on which options rank better, or none where nothing can be ranked."""
    datasets = [comparison.dataset for comparison in comparisons]
    if len(datasets) < 2 or label_use_note(datasets):
        return []
    option_ranks = _ranks(comparisons)
    return [_conclusion(option_ranks)] if option_ranks.datasets > 1 else []


def _count_datasets(comparisons: list[Comparison]) -> int:
    return len({without_label_use(comparison.dataset) for comparison in comparisons})


def _ranks(comparisons: list[Comparison]) -> Ranks:
    return rank_options(_mean_scores(comparisons), _option_text(comparisons[0].baseline))


def _mean_scores(comparisons: list[Comparison]) -> pd.DataFrame:
    """One row a data set, one column an option; larger is better, whatever the metric."""
    scores = {}
    for comparison in comparisons:
        sign = 1 if comparison.larger_is_better else -1
        labels = map(_option_text, comparison.options())
        means = sign * comparison.table["mean"]
        scores[comparison.dataset] = dict(zip(labels, means, strict=True))
    return pd.DataFrame(scores).T


def _option_text(option: tuple) -> str:
    """The values of an option, whole, since the beginnings of two may be the same."""
    return ", ".join(map(setting_text, option))


def _best_first(option_ranks: Ranks) -> list[tuple[str, float]]:
    return sorted(option_ranks.mean.items(), key=lambda item: item[1])


def _rank_table(comparisons: list[Comparison], option_ranks: Ranks) -> Table:
    baseline = _option_text(comparisons[0].baseline)
    probabilities = _probabilities_of_better(_mean_scores(comparisons), baseline)
    rows = [
        [
            option,
            f"{rank:.2f}",
            *_wins_ties_losses(option_ranks, option),
            *([format_number(probabilities.get(option))] if probabilities else []),
        ]
        for option, rank in _best_first(option_ranks)
    ]
    header = ["option", "average rank", "wins", "ties", "losses"]
    caption = (
        f"Ranks of mean test scores over {option_ranks.datasets} data sets (1 is best); wins, "
        f"ties and losses against {baseline}"
    )
    if probabilities:
        header.append("P(better)")
        caption += "; P(better) on one more data set from the Bayesian signed-rank test"
    return Table("ranks", f"{caption}.", header, rows, 1)


def _probabilities_of_better(scores: pd.DataFrame, baseline: str) -> dict[str, float]:
    """By option, how probably it is better than the baseline on one more data set; nothing of too
    few."""
    scores = scores.dropna()
    if len(scores) < MIN_DATASETS:
        return {}
    return {
        option: signed_rank_test((scores[option] - scores[baseline]).to_numpy(float))
        for option in scores
        if option != baseline
    }


def _wins_ties_losses(option_ranks: Ranks, option: str) -> list[str]:
    """Three counts as text; the baseline has empty cells."""
    row = option_ranks.wins[option_ranks.wins["option"] == option]
    columns = ("wins", "ties", "losses")
    return [str(row[column].iloc[0]) if len(row) else "" for column in columns]


def _conclusion(option_ranks: Ranks) -> str:
    (best, best_rank), (second, second_rank), *_ = _best_first(option_ranks)
    test = f"p of {option_ranks.test} {option_ranks.p:.3f}"
    if len(option_ranks.mean) == 2:
        test = f"average ranks {best_rank:.2f} and {second_rank:.2f}; {test}"
    else:
        test = f"Friedman's chi-square {option_ranks.chi2:.2f}; {test}"
    if option_ranks.p >= SIGNIFICANCE_LEVEL:
        return f"{option_ranks.datasets} data sets cannot tell the options apart ({test})."
    if len(option_ranks.mean) == 2:
        return f"{best} ranks better than {second} ({test})."
    worse = [
        option
        for option, rank in _best_first(option_ranks)[1:]
        if rank - best_rank >= option_ranks.critical_difference
    ]
    threshold = f"Nemenyi's critical difference is {option_ranks.critical_difference:.2f}"
    if not worse:
        return f"Not all options are equal ({test}), but which differ cannot be told: {threshold}."
    return f"{best} ranks better than {', '.join(worse)} ({test}; {threshold})."
