"""An ensemble in the terminal: its members, what each adds, scores before and after."""

import math
import os

import pandas as pd
from rich.table import Table

from lepton.analysis.table import console
from lepton.ensemble.machinery.outcome import SHOWN, Outcome, lines

ROWS = 20  # members shown


def show(outcome: Outcome) -> None:
    """Tables of members and scores, a line on whether it was worth it, and the folder."""
    facts, out = outcome.facts, console()
    out.print(_members(outcome.members))
    if (more := int((outcome.members["weight"] > 0).sum()) - ROWS) > 0:
        out.print(f"and {more} more, in members.parquet", highlight=False)
    out.print(_scores(facts))
    for line in lines(facts):
        out.print(line, highlight=False, soft_wrap=True)
    if outcome.folder is None:
        out.print("nothing was kept; keep=true keeps it", highlight=False)
    else:
        out.print(os.fspath(outcome.folder), highlight=False, soft_wrap=True)


def _members(members: pd.DataFrame) -> Table:
    used = members[members["weight"] > 0].sort_values("weight", ascending=False, kind="stable")
    names = {
        "score": "score",
        "contribution": "minus without it",
        "disagreement": "disagreement",
        "error_correlation": "error correlation",
    }
    table = Table("member", box=None)
    for title in ("weight", *names.values()):
        table.add_column(title, justify="right")
    for row in used.head(ROWS).to_dict("records"):
        runs = f" and {row['runs'] - 1} folds more" if row["runs"] > 1 else ""
        numbers = [_number(row[key], "+.4f" if key == "contribution" else ".4f") for key in names]
        table.add_row(row["run"] + runs, f"{row['weight']:.3f}", *numbers)
    return table


def _scores(facts: dict) -> Table:
    """Validation and test: best member, members' mean, ensemble."""
    table = Table("\nmetric", box=None)
    for split in ("validation", "test"):
        for title in ("best member", "members' mean", "ensemble"):
            table.add_column(f"{split}\n{title}", justify="right")
    names = dict.fromkeys((facts["metric"], *SHOWN))
    for name in names:
        rows = [facts["scores"].get(f"{split}/{name}", {}) for split in ("val", "test")]
        if any(rows):
            cells = [row.get(key) for row in rows for key in ("best", "members", "ensemble")]
            table.add_row(name, *[_number(cell, ".4f") for cell in cells])
    return table


def _number(value: float | None, form: str) -> str:
    return "" if value is None or math.isnan(value) else format(value, form)
