"""`lepton results STUDY`: its table, or the answer to a comparison that was asked for."""

import argparse
from pathlib import Path
from typing import NoReturn

from rich.console import Console
from rich.table import Table

from lepton.analysis.comparison import Comparison, asked_of, compare, known_keys, known_select
from lepton.analysis.conclusions import caveat, sentences
from lepton.analysis.grouping import choices, trained, varying
from lepton.analysis.study import gather
from lepton.analysis.table import console, metrics_of, rest, show
from lepton.errors import LeptonError
from lepton.report.blocks import Note, Text
from lepton.report.blocks import Table as Block
from lepton.report.latex import latex_table
from lepton.report.markdown import markdown_table
from lepton.report.sections.comparison import comparison_table
from lepton.report.sections.ranking import ranking_section
from lepton.storage.results import load, mixed_columns_as_text


class Parser(argparse.ArgumentParser):
    """Says a mistake as lepton does, in every version of Python."""

    def error(self, message: str) -> NoReturn:
        raise LeptonError(f"results: {message}; usage: lepton results STUDY [--csv FILE]")


def results_command(words: list[str]) -> int:
    """`lepton results STUDY`, with its flags."""
    parser = Parser(prog="lepton results", add_help=False)
    parser.add_argument("study")
    parser.add_argument("--group-by", metavar="KEYS")
    parser.add_argument("--metric", metavar="NAMES")
    parser.add_argument("--csv", metavar="FILE", type=Path)
    parser.add_argument("--parquet", metavar="FILE", type=Path)
    parser.add_argument("--compare", metavar="KEYS")
    parser.add_argument("--baseline", metavar="OPTION")
    parser.add_argument("--select", metavar="NAME", default="score")
    parser.add_argument("--format", choices=("text", "markdown", "latex"))
    asked = parser.parse_args(words)
    if asked.compare or asked.baseline or asked.format:
        asked.format = asked.format or "text"
        answer(asked.study, asked)
    else:
        show(asked.study, _split(asked.group_by), _split(asked.metric), asked.select)
    try:
        if asked.csv:
            load(asked.study).to_csv(asked.csv, index=False)
        if asked.parquet:
            mixed_columns_as_text(load(asked.study)).to_parquet(asked.parquet, index=False)
    except OSError as e:
        raise LeptonError(f"results: cannot write the table ({e})") from None
    return 0


def _split(words: str | None) -> list[str] | None:
    return None if words is None else [w.strip() for w in words.split(",") if w.strip()]


def answer(study: str, asked: argparse.Namespace) -> None:
    """The options of the keys asked for, compared; as text with what may be concluded."""
    frame, out = gather([study]), console()
    finished = frame[frame["status"] == "finished"].dropna(axis=1, how="all")
    if finished.empty:
        return rest(frame, out)
    keys = _split(asked.compare) or _split(asked.group_by)
    runs = trained(finished)
    keys = known_keys(keys, asked_of(finished, keys)) if keys else varying(runs, choices(runs))
    if not keys:
        raise LeptonError(f"{study}: all finished runs have the same settings; nothing to compare")
    (metric, *_) = metrics_of(_split(asked.metric), finished) or [None]
    select = known_select(asked.select, finished)
    own = metric if asked.metric else None  # each data set's, unless one was named
    found = compare(frame, keys, metric=own, baseline=asked.baseline, select=select)
    blocks = [block for comparison in found for block in _blocks(comparison)]
    blocks += [block for section in ranking_section(found) for block in section.blocks]
    if asked.format == "text":
        for block in [*blocks, *map(Text, caveat(found))]:
            _show_block(block, out)
        rest(frame, out)
    else:
        write_table = {"markdown": markdown_table, "latex": latex_table}[asked.format]
        print("\n\n".join(write_table(b) for b in blocks if isinstance(b, Block)))
    return None


def _blocks(comparison: Comparison) -> list[Block | Text]:
    head = [Text(f"{comparison.dataset}:")] if comparison.dataset else []
    return [*head, comparison_table(comparison), *map(Text, sentences(comparison))]


def _show_block(block: object, out: Console) -> None:
    if isinstance(block, Text | Note):
        out.print(block.text, highlight=False)
    elif isinstance(block, Block):
        table = Table(box=None)
        for i, name in enumerate(block.header):
            number = {"justify": "right", "no_wrap": True}
            table.add_column(name, **(number if i >= block.first_number else {"overflow": "fold"}))
        for row in block.rows:
            table.add_row(*row)
        out.print(table)
