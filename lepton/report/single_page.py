"""Writes one page that is a file of its own, and never over what is no page of lepton's."""

import os
from pathlib import Path

from lepton.errors import LeptonError
from lepton.foreign_text import printable
from lepton.report.blocks import Report, safe_name
from lepton.report.figures.style import lepton_style
from lepton.report.html import GENERATOR, html_page
from lepton.report.svg import compact_svg, inline_svg

REPORTS = Path("reports")
MAX_NAME = 80  # characters
HEAD_BYTES = 4096  # of a file, in which a page says what made it


def page_path(name: str, what: str) -> Path:
    """Where the page of something of this name goes, where nothing else is asked for."""
    return REPORTS / f"{safe_name(name)[:MAX_NAME]}-{what}.html"


def write_page(report: Report, path: Path) -> None:
    """Writes a report as one file, its figures in it, whole or not at all.

    Raises: LeptonError when something else lies there, or it cannot be written; for figures also
        when matplotlib is not installed.
    """
    refuse_other_files(path)
    page = printable(html_page(report, drawn_figures(report)))
    new = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(page, encoding="utf-8")
        os.replace(new, path)
    except OSError as e:
        raise LeptonError(f"--out {path}: cannot write the page ({e.strerror})") from None
    finally:
        new.unlink(missing_ok=True)


def drawn_figures(report: Report) -> dict[str, str]:
    """The figures of a report as parts of its page, by name."""
    if not report.figures():
        return {}
    with lepton_style():
        return {
            figure.name: inline_svg(compact_svg(figure.draw()), figure.file_stem, figure.alt)
            for figure in report.figures()
        }


def refuse_other_files(path: Path) -> None:
    """Raises: LeptonError where something lies that is no page of lepton's."""
    if not path.exists() and not path.is_symlink():
        return
    is_page = False
    if path.is_file():
        with path.open("rb") as file:
            is_page = GENERATOR.encode() in file.read(HEAD_BYTES)
    if not is_page:
        raise LeptonError(f"--out {path}: is there, and no page of lepton's; choose another file")
