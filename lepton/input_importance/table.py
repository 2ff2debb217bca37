"""The table of inputs by importance, for the terminal; what a method of weighing them tells."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import pandas as pd
from rich.table import Table

from lepton.analysis.table import console
from lepton.foreign_text import printable
from lepton.stats.estimate import Estimate

MAX_SHOWN = 40  # inputs in the terminal


class Importances(Protocol):
    """Inputs with what was estimated of each, the most important first.

    `label`: what an importance is; `lines`: how to read them; `summary`: one sentence; `frame`: all
    as a table.
    """

    @property
    def label(self) -> str: ...
    @property
    def estimates(self) -> Mapping[str, Estimate]: ...
    @property
    def frame(self) -> pd.DataFrame: ...
    @property
    def summary(self) -> str: ...
    @property
    def lines(self) -> list[str]: ...


def show_importances(importances: Importances) -> None:
    """Prints the inputs, the most important first, and how to read them."""
    out = console()
    table = Table("input", importances.label, "95 % interval", box=None, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    cells = importance_cells(importances)
    for row in cells[:MAX_SHOWN]:
        table.add_row(*row)
    out.print(table)
    if (more := len(cells) - MAX_SHOWN) > 0:
        out.print(f"{more} less important inputs are not shown; --csv FILE has all")
    for line in importances.lines:
        out.print(line, soft_wrap=True)


def importance_cells(importances: Importances) -> list[list[str]]:
    """The cells of each input: its name, its importance, and the interval."""
    return [
        [printable(name, one_line=True), f"{e.value:+.4f}", _interval(e)]
        for name, e in importances.estimates.items()
    ]


def _interval(estimate: Estimate) -> str:
    if np.isnan(estimate.low):
        return "undefined"
    return f"[{estimate.low:+.4f}, {estimate.high:+.4f}]"
