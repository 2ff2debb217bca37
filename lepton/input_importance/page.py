"""The page of a run's inputs by their importance: the figure, the table, and what they mean."""

from pathlib import Path

from lepton.compat.optional import import_optional
from lepton.input_importance.table import Importances, importance_cells
from lepton.report.blocks import Figure, Report, Section, Table, Text
from lepton.report.figures.input_importance import MAX_INPUTS, importance_intervals


def require_figures() -> None:
    """Raises: LeptonError that says how to install what draws."""
    import_optional("matplotlib", needed_by="lepton importance --out")


def importance_page(importances: Importances, folder: Path, command: str) -> Report:
    """The page of one run."""
    label = importances.label
    points = [(name, e.value, e.low, e.high) for name, e in importances.estimates.items()]
    shown = f"The first {MAX_INPUTS} of {len(points)}. " if len(points) > MAX_INPUTS else ""
    figure = Figure(
        "input_importance",
        f"{shown}{label} with 95 % intervals; faint: an interval that holds 0.",
        ", ".join(f"{name} {value:+.4f}" for name, value, *_ in points[:MAX_INPUTS]),
        lambda: importance_intervals(points, label),
        by_itself=False,
    )
    header = ["input", label, "95 % interval"]
    table = Table("input_importance", label, header, importance_cells(importances), 1)
    sections = [
        Section("Importance of inputs", [figure, table]),
        Section("How this was computed", [Text(line) for line in importances.lines]),
    ]
    summary, facts = [importances.summary], {"Run": folder.name}
    return Report(folder.name, summary, facts, sections, command, what="importance of inputs")
