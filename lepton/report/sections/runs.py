"""The section with every run of a study, and why some have no result."""

from typing import Any

import pandas as pd

from lepton.analysis.comparison import setting_text
from lepton.analysis.grouping import derived_columns
from lepton.analysis.score_metrics import ordered_column, selection_name
from lepton.analysis.study import LOST_STATUSES
from lepton.report.blocks import Block, RunsTable, Section, Table
from lepton.report.number_format import format_number, format_seconds
from lepton.report.sections.run_details import common_settings, run_details

MAX_WITHOUT_RESULT = 200
MAX_SETTINGS = 8  # columns
FACTS = ("seconds", "epochs")


def runs_section(title: str, frame: pd.DataFrame, varied: list[str], metrics: list[str]) -> Section:
    """Every run with the settings in which runs differ, `varied`, and its scores."""
    return Section(title, [*_without_result(frame), _every_run(frame, varied, metrics)])


def _without_result(frame: pd.DataFrame) -> list[Block]:
    """The runs that failed, are missing or still running, each with its error."""
    lost_runs = frame[frame["status"].isin([*LOST_STATUSES, "missing", "running"])]
    if lost_runs.empty:
        return []
    errors = lost_runs.get("error", pd.Series("", index=lost_runs.index))
    rows = [
        [run, status, "" if pd.isna(error) else str(error)]
        for run, status, error in zip(lost_runs["run"], lost_runs["status"], errors, strict=True)
    ]
    caption = f"{len(rows)} of {len(frame)} runs have no result; nothing above counts them."
    if len(rows) > MAX_WITHOUT_RESULT:
        caption += f" The first {MAX_WITHOUT_RESULT} of them."
    header = ["run", "status", "why"]
    return [Table("without_result", caption, header, rows[:MAX_WITHOUT_RESULT], 3)]


def _every_run(frame: pd.DataFrame, varied: list[str], metrics: list[str]) -> RunsTable:
    """All runs by validation score, best first."""
    names = ("dataset", "model", *derived_columns(frame))
    settings = [c for c in names if c in frame and c not in varied]
    settings += [*varied[:MAX_SETTINGS], *(["seed"] if "seed" in frame else [])]
    finished = frame[frame["status"] == "finished"]
    select = ordered_column("score", finished)
    facts = [c for c in dict.fromkeys([select, *metrics, *FACTS]) if c in frame]
    if "score" in frame:
        frame = frame.sort_values("score", ascending=False, kind="stable")
    setting_columns = [[_setting_cell(value) for value in frame[c]] for c in settings]
    fact_columns = [[_fact_cell(c, value) for value in frame[c]] for c in facts]
    rows = zip(frame["run"], frame["status"], *setting_columns, *fact_columns, strict=True)
    fact_titles = (selection_name(c) if c == select else c.replace("/", " ") for c in facts)
    header = ["run", "status", *settings, *fact_titles]
    caption = f"Every run, best {selection_name(select)} first; all columns are in runs.csv."
    details, common = run_details(frame), common_settings(frame)
    return RunsTable(
        caption, header, [list(row) for row in rows], 2 + len(settings), details, common
    )


def _setting_cell(value: object) -> str:
    return "" if pd.isna(value) else setting_text(value)


def _fact_cell(column: str, value: Any) -> str:
    if pd.isna(value):
        return ""
    if column == "seconds":
        return format_seconds(value)
    return format_number(value) if isinstance(value, float) else str(value)
