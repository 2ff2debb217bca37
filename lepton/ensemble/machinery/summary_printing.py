"""Prints the summary of an ensemble: its members, what each adds, scores before and after."""

import math
import os
from typing import Any

import pandas as pd
from rich.table import Table

from lepton.analysis.table import console
from lepton.ensemble.machinery.summary import (
    SHOWN_METRICS,
    EnsembleSummary,
    monitored_metric,
    summary_sentences,
)

MAX_MEMBERS_SHOWN = 20


def print_summary(summary: EnsembleSummary) -> None:
    """Prints tables of members and scores, what they mean, and the folder."""
    facts, out = summary.facts, console()
    out.print(_members(summary.members, facts))
    if (more := int((summary.members["weight"] > 0).sum()) - MAX_MEMBERS_SHOWN) > 0:
        out.print(f"and {more} more, in members.parquet")
    out.print(_scores(facts))
    for line in summary_sentences(facts):
        out.print(line, soft_wrap=True)
    if summary.folder is None:
        out.print("nothing was kept; keep=true keeps it")
    else:
        out.print(os.fspath(summary.folder), soft_wrap=True)


def _members(members: pd.DataFrame, facts: dict[str, Any]) -> Table:
    """The members in use, the largest weight first."""
    name, sign = monitored_metric(facts)
    members = members.assign(score=sign * members["score"])
    used = members[members["weight"] > 0].sort_values("weight", ascending=False, kind="stable")
    titles = {
        "score": name,
        "contribution": "worse without it by",
        "disagreement": "disagreement",
        "error_correlation": "error correlation",
    }
    table = Table("member", box=None)
    for title in ("weight", *titles.values()):
        table.add_column(title, justify="right")
    for row in used.head(MAX_MEMBERS_SHOWN).to_dict("records"):
        runs = f" and {row['runs'] - 1} folds more" if row["runs"] > 1 else ""
        numbers = [_number(row[key], "+.4f" if key == "contribution" else ".4f") for key in titles]
        table.add_row(row["run"] + runs, f"{row['weight']:.3f}", *numbers)
    return table


def _scores(facts: dict[str, Any]) -> Table:
    """Validation and test: best member, members' mean, ensemble."""
    table = Table("\nmetric", box=None)
    for split in ("validation", "test"):
        for title in ("best member", "members' mean", "ensemble"):
            table.add_column(f"{split}\n{title}", justify="right")
    for name in dict.fromkeys((facts["metric"], *SHOWN_METRICS)):
        rows = [facts["scores"].get(f"{split}/{name}", {}) for split in ("val", "test")]
        if any(rows):
            cells = [row.get(key) for row in rows for key in ("best", "members", "ensemble")]
            table.add_row(name, *[_number(cell, ".4f") for cell in cells])
    return table


def _number(value: float | None, form: str) -> str:
    """A formatted number; empty where there is none."""
    return "" if value is None or math.isnan(value) else format(value, form)
