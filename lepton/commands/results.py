"""`lepton results STUDY`: shows a study with its seeds grouped, or compares options.

  STUDY                 a study's folder, or its name in runs/
  --group-by KEYS       columns to group by; by default the settings that differ
  --metric NAMES        metrics to show: auroc, val/log_loss; a comparison is by the first, and
                        tells what options do to the others, and to seconds, beside it
  --select NAME         the validation metric that rows are ordered by (score)
  --rows N              the most rows to print, or all (100)
  --compare KEYS        paired differences between the options of these keys
  --where CONDITION     the runs looked at: 'split_seed == 0 and model != linear'
  --baseline OPTION     the option that the others are compared with
  --format FORMAT       text, markdown or latex: comparisons alone
  --explain             says under a table how to read it
  --csv FILE, --parquet FILE   the table of all runs as a file

examples:
  lepton results first
  lepton results first --compare model --metric auroc
"""

import argparse
import math
from pathlib import Path

import pandas as pd
from rich.table import Table

from lepton.analysis.comparison import Comparison
from lepton.analysis.conclusions import caveats, conclusions
from lepton.analysis.run_filter import filter_runs
from lepton.analysis.study import gather_runs
from lepton.analysis.study_comparison import compare_study
from lepton.analysis.table import (
    MAX_ROWS,
    console,
    show_runs_without_result,
    show_study,
)
from lepton.commands.argument_parser import CommandParser, split_names, where_as_flag
from lepton.compat.rich import PlainConsole
from lepton.errors import LeptonError
from lepton.foreign_text import say, spreadsheet_safe
from lepton.report.blocks import Note, Text
from lepton.report.blocks import Table as TableBlock
from lepton.report.latex import latex_table
from lepton.report.markdown import markdown_table
from lepton.report.sections.comparison import comparison_table, further_blocks
from lepton.report.sections.ranking import ranking_section
from lepton.storage.study import mixed_columns_as_text
from lepton.storage.study_table import load

USAGE = "usage: lepton results STUDY [--compare KEYS], where `lepton studies` lists studies"


def main(arguments: list[str]) -> int:
    """Prints the table or the comparison, and writes the table to the files that were named."""
    options = _parse(arguments)
    if options.compare or options.baseline or options.format:
        if options.rows:
            raise LeptonError("--rows: a comparison shows all of its options")
        _show_comparisons(options)
    else:
        by, metrics = split_names(options.group_by), split_names(options.metric)
        rows, where = options.rows or MAX_ROWS, options.where
        explain = options.explain
        show_study(
            options.study, by, metrics, options.select, rows=rows, where=where, explain=explain
        )
    try:
        if options.csv:
            spreadsheet_safe(_runs(options)).to_csv(options.csv, index=False)
        if options.parquet:
            mixed_columns_as_text(_runs(options)).to_parquet(options.parquet, index=False)
    except OSError as e:
        raise LeptonError(f"results: cannot write the table ({e})") from None
    return 0


def _runs(options: argparse.Namespace) -> pd.DataFrame:
    """The table of all runs that a file shall hold."""
    return filter_runs(load(options.study), options.where).runs


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = CommandParser("results", USAGE)
    parser.add_argument("study", metavar="STUDY")
    parser.add_argument("--group-by", metavar="KEYS")
    parser.add_argument("--metric", metavar="NAMES")
    parser.add_argument("--rows", metavar="N", type=_row_count)
    parser.add_argument("--csv", metavar="FILE", type=Path)
    parser.add_argument("--parquet", metavar="FILE", type=Path)
    parser.add_argument("--compare", metavar="KEYS")
    parser.add_argument("--baseline", metavar="OPTION")
    parser.add_argument("--select", metavar="NAME", default="score")
    parser.add_argument("--explain", action="store_true")
    parser.add_argument("--where", metavar="CONDITION")
    parser.add_argument("--format", choices=("text", "markdown", "latex"))
    return parser.parse_args(where_as_flag(arguments))


def _row_count(text: str) -> float:
    """The most rows that --rows asks for."""
    if text == "all":
        return math.inf
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rows; a whole number, or all")
    return int(text)


def _show_comparisons(options: argparse.Namespace) -> None:
    """Prints the comparisons of the study; as text also what may be concluded."""
    filtered, out = filter_runs(gather_runs([options.study]), options.where), console()
    frame = filtered.runs
    finished = frame[frame["status"] == "finished"].dropna(axis=1, how="all")
    if finished.empty:
        show_runs_without_result(filtered, out)
        return
    comparisons = compare_study(
        frame,
        split_names(options.compare) or split_names(options.group_by),
        study=options.study,
        metrics=split_names(options.metric),
        baseline=options.baseline,
        select=options.select,
    )
    blocks = [block for comparison in comparisons for block in _blocks(comparison)]
    blocks += [block for section in ranking_section(comparisons) for block in section.blocks]
    if options.format in (None, "text"):
        for block in [*blocks, *map(Text, caveats(comparisons))]:
            _show_block(block, out)
        if options.explain:
            for caption in dict.fromkeys(b.caption for b in blocks if isinstance(b, TableBlock)):
                out.print(caption)
        show_runs_without_result(filtered, out)
    else:
        write_table = {"markdown": markdown_table, "latex": latex_table}[options.format]
        say("\n\n".join(write_table(b) for b in blocks if isinstance(b, TableBlock)))


def _blocks(comparison: Comparison) -> list[TableBlock | Text | Note]:
    dataset = [Text(f"{comparison.dataset}:")] if comparison.dataset else []
    tables = [comparison_table(comparison), *further_blocks(comparison)]
    return [*dataset, *tables, *map(Text, conclusions(comparison))]


def _show_block(block: object, out: PlainConsole) -> None:
    if isinstance(block, Text | Note):
        out.print(block.text)
    elif isinstance(block, TableBlock):
        table = Table(box=None)
        for i, name in enumerate(block.header):
            if i >= block.first_number:
                table.add_column(name, justify="right", no_wrap=True)
            else:
                table.add_column(name, overflow="fold")
        for row in block.rows:
            table.add_row(*row)
        out.print(table)
