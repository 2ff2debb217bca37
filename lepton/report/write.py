"""A report on the disk: report.html, report.md, CSV files and a folder of plots."""

import os
import shutil
from pathlib import Path

import pandas as pd

from lepton.errors import LeptonError
from lepton.report import html, markdown
from lepton.report.blocks import Report, plain
from lepton.report.style import inlined, small, styled

PAGE = "report.html"


def write(report: Report, frame: pd.DataFrame, out: Path) -> None:
    """Replaces the report in a folder by this one, whole or not at all.

    Raises: LeptonError when the folder holds something that is not a report, cannot be written
        to, or matplotlib is not installed.
    """
    if out.exists() and not (out / PAGE).is_file():
        raise LeptonError(f"--out {out}: is there and holds no {PAGE}; choose another folder")
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        part.mkdir(parents=True)
        figures = plots(report, part / "plots")
        (part / PAGE).write_text(html.page(report, figures))
        (part / "report.md").write_text(markdown.document(report))
        frame.to_csv(part / "runs.csv", index=False)
        for table in report.tables():
            found = pd.DataFrame(table.rows, columns=table.head)
            found.to_csv(part / f"{plain(table.name)}.csv", index=False)
        old = out.with_name(f".{out.name}.{os.getpid()}.old")
        if out.exists():
            os.replace(out, old)
        os.replace(part, out)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as e:
        raise LeptonError(f"--out {out}: cannot write the report ({e.strerror})") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def plots(report: Report, folder: Path, only: str | None = None) -> dict[str, str]:
    """Draws every figure into SVG and PNG files; the SVG of each for a page, by name.

    Raises: LeptonError when `only` names none of them, or matplotlib is not installed.
    """
    figures = [figure for figure in report.figures() if only in (None, figure.name)]
    if only is not None and not figures:
        have = ", ".join(figure.name for figure in report.figures())
        raise LeptonError(f"--figure {only}: no such figure (figures: {have})")
    found = {}
    folder.mkdir(parents=True, exist_ok=True)
    with styled():
        for figure in figures:
            drawn = figure.draw()
            text = small(drawn)
            (folder / f"{figure.file}.svg").write_text(text)
            drawn.savefig(folder / f"{figure.file}.png")
            found[figure.name] = inlined(text, figure.file, figure.alt)
    return found
