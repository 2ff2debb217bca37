"""The sections on runs that commands made of others, one for each command."""

from pathlib import Path

import pandas as pd

from lepton.analysis.best_setting import rerun_command
from lepton.analysis.comparison import setting_text
from lepton.derived.classes import derivation_class
from lepton.errors import ConfigError, LeptonError
from lepton.report.blocks import Block, Code, Note, Section, Table, Text
from lepton.report.number_format import format_number
from lepton.storage.derived_record import DERIVED_KEY, read_record
from lepton.storage.results import Result, finished_result

MAX_RUNS = 4  # of a command


def derived_sections(derived_runs: pd.DataFrame) -> list[Section]:
    """A section for each command, with its best runs by validation score."""
    if derived_runs.empty:
        return []
    return [
        _section(str(command), runs.sort_values("score", ascending=False, kind="stable"))
        for command, runs in derived_runs.groupby(DERIVED_KEY, sort=False)
    ]


def _section(command: str, runs: pd.DataFrame) -> Section:
    blocks: list[Block] = []
    if len(runs) > MAX_RUNS:
        note = f"The best {MAX_RUNS} of {len(runs)} by validation score."
        blocks.append(Note(note))
    for row in runs.head(MAX_RUNS).to_dict("records"):
        folder = Path(row["folder"])
        try:
            result = finished_result(folder)
            blocks += _own_blocks(folder, result, str(row[command]))
            blocks.append(Code(f"makes {folder.name}", rerun_command(folder, result.config)))
        except LeptonError as e:
            blocks.append(Note(str(e)))
    return Section(f"Made by lepton {command}", blocks)


def _own_blocks(folder: Path, result: Result, name: str) -> list[Block]:
    """What the command itself says of its run, or else the scores beside those of its inputs."""
    record = read_record(result.config, folder)
    assert record is not None
    notes: list[Block] = []
    try:
        if blocks := derivation_class(record).report_blocks(folder, name):
            return blocks
    except ConfigError as e:
        notes.append(Note(str(e)))
    inputs = [finished_result(folder / reference["path"]) for reference in record.inputs]
    count = f"{len(inputs)} run{'' if len(inputs) == 1 else 's'}"
    settings = ", ".join(
        f"{key}={setting_text(value)}"
        for key, value in record.shown_settings.items()
        if key != "_target_"
    )
    text = f"{folder.name}: made of {count}{f' with {settings}' if settings else ''}."
    return [*notes, Text(text), _score_table(result, inputs, f"{record.command}_scores_{name}")]


def _score_table(result: Result, inputs: list[Result], name: str) -> Table:
    """The metrics of a run beside the means of its inputs', on validation and test."""
    names = [key.removeprefix("val/") for key in result.metrics if key.startswith("val/")]
    keys = {metric: [f"{split}/{metric}" for split in ("val", "test")] for metric in names}
    rows = []
    for metric, columns in keys.items():
        cells = []
        for key in columns:
            values = [run.metrics[key] for run in inputs if key in run.metrics]
            mean = sum(values) / len(values) if values else None
            cells += [format_number(mean), format_number(result.metrics.get(key))]
        rows.append([metric, *cells])
    header = ["metric", "val inputs", "val", "test inputs", "test"]
    caption = "The mean over the runs that it was made of, and the run itself."
    return Table(name.replace(" ", "_"), caption, header, rows, 1)
