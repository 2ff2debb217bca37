"""The report on a single run, as files that go with it to a tracker."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from lepton.analysis.study import gather_runs
from lepton.logger.tracked_run import FinishedRun, finished_run
from lepton.report.assemble import ReportRequest, assemble_report
from lepton.report.write import write_report

REPORT = "report"  # the folder of the files


@contextmanager
def run_with_report(folder: Path, *, wanted: bool) -> Iterator[FinishedRun]:
    """A finished run with the page and the plots of its report among its files, where wanted.

    Raises: LeptonError when the run cannot be read, or matplotlib is not installed.
    """
    run = finished_run(folder)
    if not wanted:
        yield run
        return
    with TemporaryDirectory() as parent:
        report_folder = Path(parent) / REPORT
        _write(folder, report_folder)
        files = [path for path in sorted(report_folder.rglob("*")) if path.is_file()]
        placed = [(path.parent.relative_to(parent).as_posix(), path) for path in files]
        yield replace(run, files=[*run.files, *placed])


def _write(folder: Path, report_folder: Path) -> None:
    study = str(folder.parent)
    frame = gather_runs([study])
    frame = frame[[Path(path).name == folder.name for path in frame["folder"]]]
    command = f"lepton report {folder.parent.name}"
    request = ReportRequest([study], None, None, None, "score", command)
    frame = frame.reset_index(drop=True)
    write_report(assemble_report(frame, request), frame, report_folder)
