"""`lepton report STUDY [STUDY ...]`: writes one page that says which choice made the difference.

  STUDY                 a study's folder, or its name in runs/
  --compare KEYS        the keys whose options are compared
  --metric NAME         the metric that they are compared by
  --where CONDITION     the runs looked at: 'split_seed == 0 and model != linear'
  --baseline OPTION     the option that the others are compared with
  --select NAME         the validation metric that chooses (score)
  --out FOLDER          where it is written (reports/STUDY)
  --figure NAME         writes one of its figures alone

examples:
  lepton report first
  lepton report first second --compare model,optimizer --out reports/both
"""

import argparse
import shlex
from pathlib import Path

from lepton.analysis.run_filter import filter_runs
from lepton.analysis.study import gather_runs
from lepton.commands.argument_parser import CommandParser, split_names, where_as_flag
from lepton.errors import LeptonError
from lepton.foreign_text import say
from lepton.report.assemble import ReportRequest, assemble_report
from lepton.report.write import PAGE, write_figures, write_report

USAGE = "usage: lepton report STUDY [STUDY...] [--compare KEY[,KEY]] [--out FOLDER]"


def main(arguments: list[str]) -> int:
    """Writes the report, or with --figure one figure of it, and prints where it is."""
    options = _parse(arguments)
    filtered = filter_runs(gather_runs(options.studies), options.where)
    frame = filtered.runs
    request = ReportRequest(
        options.studies,
        split_names(options.compare) or None,
        options.metric,
        options.baseline,
        options.select,
        shlex.join(["lepton", "report", *_without_figure(arguments)]),
        filtered.note,
    )
    report = assemble_report(frame, request)
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


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = CommandParser("report", USAGE, allow_abbrev=False)
    parser.add_argument("studies", nargs="+", metavar="STUDY")
    parser.add_argument("--compare", metavar="KEYS")
    parser.add_argument("--baseline", metavar="OPTION")
    parser.add_argument("--metric", metavar="NAME")
    parser.add_argument("--select", metavar="NAME", default="score")
    parser.add_argument("--where", metavar="CONDITION")
    parser.add_argument("--out", metavar="FOLDER", type=Path)
    parser.add_argument("--figure", metavar="NAME")
    return parser.parse_args(where_as_flag(arguments))


def _without_figure(arguments: list[str]) -> list[str]:
    """The arguments without --figure and its value: those that the whole report is made with."""
    others, is_value = [], False
    for argument in arguments:
        if not is_value and not argument.startswith("--figure"):
            others.append(argument)
        is_value = argument == "--figure"
    return others
