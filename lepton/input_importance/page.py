"""The page of a run's inputs by their importance: the figure, the table, and what they mean."""

from pathlib import Path

from lepton.compat.optional import import_optional
from lepton.input_importance.permuting import PermutedImportances
from lepton.input_importance.table import importance_cells, importance_lines, lost_name
from lepton.report.blocks import Figure, Report, Section, Table, Text
from lepton.report.figures.input_importance import MAX_INPUTS, importance_intervals


def require_figures() -> None:
    """Raises: LeptonError that says how to install what draws."""
    import_optional("matplotlib", needed_by="lepton importance --out")


def importance_page(importances: PermutedImportances, folder: Path, command: str) -> Report:
    """The page of one run."""
    estimates, lost = importances.estimates, lost_name(importances)
    points = [(name, e.value, e.low, e.high) for name, e in estimates.items()]
    certain = [name for name, e in estimates.items() if e.low > 0]
    first = next(iter(estimates))
    summary = (
        f"{len(certain)} of {len(estimates)} inputs are needed beyond chance; most is lost without "
        f"{first}, {estimates[first].value:+.4f}."
        if certain
        else f"Of {len(estimates)} inputs none is needed beyond chance."
    )
    shown = f"The first {MAX_INPUTS} of {len(points)}. " if len(points) > MAX_INPUTS else ""
    caption = (
        f"{shown}{lost} where an input's cells are those of other rows; faint: may be nothing."
    )
    figure = Figure(
        "input_importance",
        caption,
        ", ".join(f"{name} {value:+.4f}" for name, value, *_ in points[:MAX_INPUTS]),
        lambda: importance_intervals(points, lost),
        by_itself=False,
    )
    header = ["input", lost, "95 % interval"]
    table = Table("input_importance", lost, header, importance_cells(importances), 1)
    lines = importance_lines(importances, table_rows=float("inf"))
    facts = {"Run": folder.name, "Rows": f"{importances.rows} of {importances.of} for validation"}
    sections = [
        Section("Importance of inputs", [figure, table]),
        Section("How this was computed", [Text(line) for line in lines]),
    ]
    return Report(folder.name, [summary], facts, sections, command, what="importance of inputs")
