"""The table of permuted inputs: for the terminal, and as a DataFrame."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from rich.table import Table

from lepton.analysis.table import console
from lepton.foreign_text import printable
from lepton.input_importance.permuting import PermutedImportances
from lepton.stats.permutation import PermutationEstimate
from lepton.storage.predictions import CHOOSING_SPLIT

MAX_SHOWN = 40  # inputs in the terminal


def importance_frame(importances: PermutedImportances) -> pd.DataFrame:
    """A row for each input: importance, low, high, and the standard deviation over repeats."""
    rows = [
        {
            "input": name,
            "metric": f"{CHOOSING_SPLIT}/{importances.metric}",
            "importance": estimate.value,
            "low": estimate.low,
            "high": estimate.high,
            "std": estimate.std,
        }
        for name, estimate in importances.estimates.items()
    ]
    return pd.DataFrame(rows)


def show_importances(importances: PermutedImportances) -> None:
    """Prints the inputs, the most important first, and how to read them."""
    out = console()
    header = ("input", lost_name(importances), "95 % interval")
    table = Table(*header, box=None, header_style="bold", pad_edge=True)
    for column in table.columns[1:]:
        column.justify = "right"
    for cells in importance_cells(importances)[:MAX_SHOWN]:
        table.add_row(*cells)
    out.print(table)
    for line in importance_lines(importances, table_rows=MAX_SHOWN):
        out.print(line, soft_wrap=True)


def lost_name(importances: PermutedImportances) -> str:
    """What an importance is, as "val auroc lost"."""
    verb = "lost" if importances.larger_is_better else "added"
    return f"{CHOOSING_SPLIT} {importances.metric} {verb}"


def importance_cells(importances: PermutedImportances) -> list[list[str]]:
    """The cells of each input: its name, what is lost, and the interval."""
    return [
        [printable(name, one_line=True), f"{e.value:+.4f}", _interval(e)]
        for name, e in importances.estimates.items()
    ]


def _interval(estimate: PermutationEstimate) -> str:
    """Nothing where the metric is undefined without some of the rows."""
    if np.isnan(estimate.low):
        return "undefined"
    return f"[{estimate.low:+.4f}, {estimate.high:+.4f}]"


def importance_lines(importances: PermutedImportances, *, table_rows: float) -> list[str]:
    """What the table means."""
    named: Mapping[str, object] = importances.estimates
    direction = "larger" if importances.larger_is_better else "smaller"
    count = importances.rows
    rows = (
        f"{count} validation rows"
        if count == importances.of
        else (f"{count} of {importances.of} validation rows")
    )
    times = "once" if importances.repeats == 1 else f"{importances.repeats} times"
    more = len(named) - table_rows
    lines = (
        [f"{more:.0f} less important inputs are not shown; --csv FILE has all"] if more > 0 else []
    )
    return [
        *lines,
        f"{rows}, {CHOOSING_SPLIT} {importances.metric} {importances.score:.4f} ({direction} is "
        f"better); each input got the cells of other rows, {times}.",
        "[ ]: 95 % interval over rows, of each input alone: of 20 that tell nothing one misses 0.",
        "Inputs that can stand in for each other look unimportant one by one; together=[[a,b]] "
        "takes them as one.",
    ]
