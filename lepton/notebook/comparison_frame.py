"""Comparisons as one table of numbers, for Python."""

from collections.abc import Sequence

import pandas as pd

from lepton.analysis.comparison import Comparison
from lepton.analysis.conclusions import caveats, conclusions
from lepton.report.sections.ranking import ranking_conclusion

INNER_COLUMNS = ("mean_unit",)  # of a comparison's table, which only its sentences need


def comparison_frame(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """The tables of the comparisons below each other; `attrs` holds what may be concluded."""
    tables = []
    for comparison in comparisons:
        table = comparison.table.drop(columns=[*INNER_COLUMNS], errors="ignore")
        table.insert(0, "metric", comparison.metric)
        if comparison.dataset is not None:
            table.insert(0, "dataset", comparison.dataset)
        tables.append(table)
    frame = pd.concat(tables, ignore_index=True)
    sentences = [sentence for comparison in comparisons for sentence in conclusions(comparison)]
    sentences += [*ranking_conclusion(list(comparisons)), *caveats(list(comparisons))]
    frame.attrs["conclusions"] = sentences
    return frame
