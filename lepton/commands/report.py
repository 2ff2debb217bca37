"""`lepton report STUDY [STUDY ...]`: writes one page that says which choice made the difference.

  STUDY                 a study's folder, or its name in runs/
  --compare KEYS        the keys whose options are compared
  --curve KEY           the number over which these options are shown, as dataset.shots
  --metric NAMES        the metric that they are compared by, and what is told beside it: as
                        auroc,ece,seconds
  --where CONDITION     the runs looked at: 'split_seed == 0 and model != linear'
  --baseline OPTION     the option that the others are compared with
  --select NAME         the validation metric that chooses (score)
  --out FOLDER          where it is written (reports/STUDY)
  --figure NAME         writes one of its figures alone
  --watch               serves the page to this machine and draws it anew as runs end
  --port NUMBER         with --watch: the port of 127.0.0.1 (a free one)

examples:
  lepton report first
  lepton report first second --compare model,optimizer --out reports/both
  lepton report first --compare model,dataset.fraction --curve dataset.fraction
  lepton report first --watch
"""

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from lepton.analysis.run_filter import filter_runs
from lepton.analysis.study import gather_runs
from lepton.commands.argument_parser import CommandParser, split_names, where_as_flag
from lepton.errors import LeptonError
from lepton.foreign_text import say
from lepton.report.assemble import ReportRequest, assemble_report
from lepton.report.live import watch
from lepton.report.write import PAGE, live_page, write_figures, write_report

if TYPE_CHECKING:
    import pandas as pd

USAGE = (
    "usage: lepton report STUDY [STUDY ...] [--compare KEYS], where `lepton studies` lists studies"
)


def main(arguments: list[str]) -> int:
    """Writes the report, or with --figure one figure of it, and prints where it is.

    With --watch it is served instead, and nothing is written.
    """
    options = _parse(arguments)
    if options.watch:
        _watch(options, arguments)
        return 0
    filtered = filter_runs(gather_runs(options.studies), options.where)
    frame = filtered.runs
    report = assemble_report(frame, _request(options, arguments, filtered.note))
    name = "+".join(Path(study).resolve().name for study in options.studies)
    out = options.out or Path("reports") / name
    if options.figure is not None:
        try:
            write_figures(report, out / "plots", only=options.figure)
        except OSError as e:
            raise LeptonError(f"--out {out}: cannot write the figure ({e.strerror})") from None
        say(f"{out / 'plots' / options.figure}.svg")
        return 0
    write_report(report, frame, out)
    for sentence in report.summary:
        say(sentence)
    if filtered.note:
        say(f"Filter: {filtered.note}.")
    say(f"{out / PAGE}")
    return 0


def _request(
    options: argparse.Namespace, arguments: list[str], filter_note: str | None
) -> ReportRequest:
    return ReportRequest(
        options.studies,
        split_names(options.compare) or None,
        split_names(options.metric) or None,
        options.baseline,
        options.select,
        shlex.join(["lepton", "report", *_without(arguments, "--figure", "--port")]),
        filter_note,
        options.curve,
    )


def _watch(options: argparse.Namespace, arguments: list[str]) -> None:
    for name in ("out", "figure"):
        if getattr(options, name) is not None:
            raise LeptonError(f"--watch writes no file; leave out --{name}")
    written = [argument for argument in arguments if argument != "--watch"]

    def render(frame: "pd.DataFrame") -> str:
        filtered = filter_runs(frame, options.where)
        return live_page(assemble_report(filtered.runs, _request(options, written, filtered.note)))

    watch(lambda: gather_runs(options.studies), render, options.port or 0)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = CommandParser("report", USAGE, allow_abbrev=False)
    parser.add_argument("studies", nargs="+", metavar="STUDY")
    parser.add_argument("--compare", metavar="KEYS")
    parser.add_argument("--curve", metavar="KEY")
    parser.add_argument("--baseline", metavar="OPTION")
    parser.add_argument("--metric", metavar="NAMES")
    parser.add_argument("--select", metavar="NAME", default="score")
    parser.add_argument("--where", metavar="CONDITION")
    parser.add_argument("--out", metavar="FOLDER", type=Path)
    parser.add_argument("--figure", metavar="NAME")
    parser.add_argument("--watch", action="store_true")
    parser.add_argument("--port", metavar="NUMBER", type=int)
    options = parser.parse_args(where_as_flag(arguments))
    if options.port is not None and not options.watch:
        raise LeptonError("--port: only --watch serves the page")
    return options


def _without(arguments: list[str], *flags: str) -> list[str]:
    """The arguments without these flags and their values: those that make the whole report."""
    others, is_value = [], False
    for argument in arguments:
        if not is_value and argument.partition("=")[0] not in flags:
            others.append(argument)
        is_value = argument in flags
    return others
