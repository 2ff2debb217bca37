"""Writes a report into a folder: report.html, report.md, CSV files and a folder of plots."""

import os
import shutil
from pathlib import Path

import pandas as pd

from lepton.errors import LeptonError
from lepton.foreign_text import printable, spreadsheet_safe
from lepton.report.blocks import Report, safe_name
from lepton.report.figures.style import lepton_style
from lepton.report.html import html_page
from lepton.report.markdown import markdown_document
from lepton.report.single_page import drawn_figures
from lepton.report.svg import compact_svg, inline_svg

PAGE = "report.html"


def write_report(report: Report, frame: pd.DataFrame, folder: Path) -> None:
    """Replaces the report in a folder by this one, whole or not at all.

    Raises: LeptonError when the folder holds something that is not a report or cannot be written
        to, or when matplotlib is not installed.
    """
    if folder.exists() and not (folder / PAGE).is_file():
        raise LeptonError(f"--out {folder}: is there and holds no {PAGE}; choose another folder")
    new_folder = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        new_folder.mkdir(parents=True)
        svgs = write_figures(report, new_folder / "plots")
        (new_folder / PAGE).write_text(printable(html_page(report, svgs)), encoding="utf-8")
        markdown = printable(markdown_document(report))
        (new_folder / "report.md").write_text(markdown, encoding="utf-8")
        spreadsheet_safe(frame).to_csv(new_folder / "runs.csv", index=False)
        for table in report.tables():
            table_frame = pd.DataFrame(table.rows, columns=table.header)
            spreadsheet_safe(table_frame).to_csv(
                new_folder / f"{safe_name(table.name)}.csv", index=False
            )
        old_folder = folder.with_name(f".{folder.name}.{os.getpid()}.old")
        if folder.exists():
            os.replace(folder, old_folder)
        os.replace(new_folder, folder)
        shutil.rmtree(old_folder, ignore_errors=True)
    except OSError as e:
        raise LeptonError(f"--out {folder}: cannot write the report ({e.strerror})") from None
    finally:
        shutil.rmtree(new_folder, ignore_errors=True)


def live_page(report: Report) -> str:
    """The page alone, drawn into no file, which asks its server for a newer one.

    Raises: LeptonError when matplotlib is not installed.
    """
    return printable(html_page(report, drawn_figures(report), live=True))


def write_figures(report: Report, folder: Path, only: str | None = None) -> dict[str, str]:
    """Draws every figure, or one, into SVG and PNG files; returns the SVGs for a page, by name.

    Raises: LeptonError when `only` names no figure, or matplotlib is not installed.
    """
    figures = [figure for figure in report.figures() if only in (None, figure.name)]
    if only is not None and not figures:
        names = ", ".join(figure.name for figure in report.figures())
        raise LeptonError(f"--figure {only}: no such figure (figures: {names})")
    svgs = {}
    folder.mkdir(parents=True, exist_ok=True)
    with lepton_style():
        for figure in figures:
            drawn_figure = figure.draw()
            svg = compact_svg(drawn_figure)
            (folder / f"{figure.file_stem}.svg").write_text(svg)
            drawn_figure.savefig(folder / f"{figure.file_stem}.png")
            svgs[figure.name] = inline_svg(svg, figure.file_stem, figure.alt)
    return svgs
