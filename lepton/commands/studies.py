"""`lepton studies [FOLDER]`: lists studies, with the runs, data, best run and last change of each.

  FOLDER                where studies lie (runs)

example:
  lepton studies
"""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pandas as pd
from rich.table import Table

from lepton.analysis.comparison import runs_by_dataset
from lepton.analysis.score_metrics import SCORE, directed, ordered_column
from lepton.analysis.study import describe_counts, gather_runs
from lepton.analysis.table import console
from lepton.errors import LeptonError, NoRun
from lepton.foreign_text import printable
from lepton.metric.direction import larger_is_better

USAGE = "usage: lepton studies [FOLDER]"
TITLES = ("study", "runs", "data", "best on validation", "last change")


def main(arguments: list[str]) -> int:
    """Prints the studies of a folder, the last changed first."""
    if len(arguments) > 1 or any(word.startswith("-") for word in arguments):
        raise LeptonError(f"studies {' '.join(arguments)}: {USAGE}")
    folder = Path(*arguments or ["runs"])
    if not folder.is_dir():
        raise LeptonError(f"{folder}: no such folder; `lepton train` writes to ./runs")
    rows = sorted(_rows(folder), reverse=True)
    if not rows:
        raise LeptonError(f"{folder}: holds no study with a run")
    table = Table(box=None)
    for title in TITLES:
        table.add_column(title, overflow="fold")
    for changed, cells in rows:
        when = datetime.fromtimestamp(changed).strftime("%Y-%m-%d %H:%M")
        table.add_row(*(printable(cell, one_line=True) for cell in cells), when)
    console().print(table)
    return 0


def _rows(folder: Path) -> Iterator[tuple[float, list[str]]]:
    """When each study changed last, and its cells but the last."""
    for study in sorted(path for path in folder.glob("[!.]*") if path.is_dir()):
        try:
            runs = gather_runs([study])
        except NoRun:  # as of a tracker's folder
            continue
        except LeptonError as e:
            yield study.stat().st_mtime, [study.name, str(e), "", ""]
            continue
        with os.scandir(study) as entries:
            changed = max(entry.stat().st_mtime for entry in entries if entry.is_dir())
        data = sorted(map(str, runs["dataset"].dropna().unique())) if "dataset" in runs else []
        counts = describe_counts(runs).partition(": ")[2]
        yield changed, [study.name, counts, ", ".join(data), _best(runs)]


def _best(runs: pd.DataFrame) -> str:
    """The best run on each data set by the metric that chose its epoch."""
    finished = runs[runs["status"] == "finished"].dropna(axis=1, how="all")
    texts = []
    for name, rows in runs_by_dataset(finished) if len(finished) else []:
        column = ordered_column(SCORE, rows)
        if column == SCORE or rows[column].isna().all():
            continue
        values = rows[column].astype(float)
        row = rows.loc[values.idxmax() if larger_is_better(column, rows) else values.idxmin()]
        where = f"{name}: " if name is not None else ""
        texts.append(f"{where}{directed(column, rows, float(row[column]))}, {row['run']}")
    return "; ".join(texts)
