"""`lepton report STUDY [STUDY...]`: one page that says which choice made the difference."""

import argparse
import shlex
from pathlib import Path
from typing import NoReturn

from lepton.analysis.study import gather
from lepton.errors import LeptonError
from lepton.report.assemble import ReportRequest, assemble_report
from lepton.report.write import PAGE, write_figures, write_report

USAGE = "usage: lepton report STUDY [STUDY...] [--compare KEY[,KEY]] [--out FOLDER]"


class Parser(argparse.ArgumentParser):
    """Says a mistake as lepton does, in every version of Python."""

    def error(self, message: str) -> NoReturn:
        raise LeptonError(f"report: {message}; {USAGE}")


def report_command(words: list[str]) -> int:
    """Writes the report and says where it is."""
    parser = Parser(prog="lepton report", add_help=False, allow_abbrev=False)
    parser.add_argument("studies", nargs="+", metavar="STUDY")
    parser.add_argument("--compare", metavar="KEYS")
    parser.add_argument("--baseline", metavar="OPTION")
    parser.add_argument("--metric", metavar="NAME")
    parser.add_argument("--select", metavar="NAME", default="score")
    parser.add_argument("--out", metavar="FOLDER", type=Path)
    parser.add_argument("--figure", metavar="NAME")
    said = parser.parse_args(words)
    frame = gather(said.studies)
    keys = [key.strip() for key in (said.compare or "").split(",") if key.strip()]
    command = shlex.join(["lepton", "report", *_without_figure(words)])
    request = ReportRequest(
        said.studies, keys or None, said.metric, said.baseline, said.select, command
    )
    report = assemble_report(frame, request)
    name = "+".join(Path(study).resolve().name for study in said.studies)
    out = said.out or Path("reports") / name
    if said.figure is not None:
        try:
            write_figures(report, out / "plots", only=said.figure)
        except OSError as e:
            raise LeptonError(f"--out {out}: cannot write the figure ({e.strerror})") from None
        print(f"{out / 'plots' / said.figure}.svg")
        return 0
    write_report(report, frame, out)
    for sentence in report.summary:
        print(sentence)
    print(f"{out / PAGE}")
    return 0


def _without_figure(words: list[str]) -> list[str]:
    kept, skip = [], False
    for word in words:
        if not skip and not word.startswith("--figure"):
            kept.append(word)
        skip = word == "--figure"
    return kept
