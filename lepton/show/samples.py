"""Samples of each group of the target as a person sees them: a contact sheet, or a table."""

import numpy as np
import pandas as pd

from lepton.dataset.inputs.kind import InputKind
from lepton.dataset.inputs.picture import Media
from lepton.dataset.inputs.sound import Sound
from lepton.report.blocks import Block, Section, Table, Text
from lepton.show.shown_data import ShownData

MAX_SAMPLES = 240  # of all groups together
LEAST_SAMPLES = 2  # of each group
MAX_COLUMNS = 24  # of a table
MAX_BYTES = 6_000_000  # of pictures and sounds on the page


def sample_sections(data: ShownData, *, samples: int, classes: int) -> list[Section]:
    """A section for each kind of inputs, with some training rows of each group."""
    shown_groups = data.order[:classes]
    each = max(LEAST_SAMPLES, min(samples, MAX_SAMPLES // max(1, len(shown_groups))))
    rows = {group: data.samples(group, each) for group in shown_groups}
    budget = MAX_BYTES // max(1, len(data.data.inputs))
    sections = [_section(data, kind, rows, budget) for kind in data.data.inputs]
    return [section for section in sections if section is not None]


def _section(
    data: ShownData, kind: InputKind, rows: dict[int, np.ndarray], budget: int
) -> Section | None:
    """The samples of a kind; None for one that has nothing to show."""
    title = f"Samples: {kind.plural}"
    positions = np.concatenate([*rows.values(), np.empty(0, dtype=np.int64)]).astype(np.int64)
    if not len(positions):
        return Section(title, [Text("The training split has no row to show.")])
    raw = data.raw(kind, positions, MAX_COLUMNS)
    shown = kind.shown(raw).iloc[:, :MAX_COLUMNS]
    if not shown.shape[1]:
        return None
    cells = [data.groups.names[group] for group, ids in rows.items() for _ in ids]
    names = pd.Series(cells, name=data.groups.called)
    is_sheet = shown.shape[1] == 1 and all(isinstance(v, Media) for v in shown.iloc[:, 0])
    make = _sheet if is_sheet else _table
    blocks: list[Block] = [make(kind, names, positions, shown, budget)]
    left_out = len(data.columns(kind)) - shown.shape[1]
    if not kind.own_columns and left_out > 0:
        blocks.append(Text(f"{left_out} further columns are not shown here."))
    return Section(title, blocks)


def _sheet(
    kind: InputKind, names: pd.Series, positions: np.ndarray, shown: pd.DataFrame, budget: int
) -> Table:
    """A row of pictures or sounds for each group."""
    by_group: dict[str, list[str]] = {}
    for name, cell in zip(names, _within(shown.iloc[:, 0].tolist(), budget), strict=True):
        by_group.setdefault(name, []).append(cell)
    width = max(map(len, by_group.values()))
    rows = [[name, *cells, *[""] * (width - len(cells))] for name, cells in by_group.items()]
    caption = (
        f"Training rows of column {shown.columns[0]}, evenly spread over each class; their names "
        "show when pointed at."
    )
    header = [str(names.name), *map(str, range(1, width + 1))]
    return Table(f"samples_{kind.name}", caption, header, rows, len(header))


def _table(
    kind: InputKind, names: pd.Series, positions: np.ndarray, shown: pd.DataFrame, budget: int
) -> Table:
    """A row for each sample."""
    columns = [_within(shown.iloc[:, i].tolist(), budget) for i in range(shown.shape[1])]
    rows = [
        [name, str(position), *(_cell(value, kind.cell_length) for value in cells)]
        for name, position, *cells in zip(names, positions, *columns, strict=True)
    ]
    header = [str(names.name), "row", *map(str, shown.columns)]
    caption = "Training rows, evenly spread over each class, as they were read; row counts from 0."
    return Table(f"samples_{kind.name}", caption, header, rows, len(header))


def _within(cells: list, budget: int) -> list:
    """The cells; behind those that exceed the bytes of a page, pictures and sounds are texts."""
    kept = []
    for cell in cells:
        size = len(cell.content) if isinstance(cell, Media) else 0
        if isinstance(cell, Sound) and cell.picture is not None:
            size += len(cell.picture.content)
        budget -= size
        kept.append(cell if budget >= 0 or not size else f"{cell} (too much for one page)")
    return kept


def _cell(value: object, length: int) -> str:
    if isinstance(value, Media):
        return value
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    text = f"{value:.5g}" if isinstance(value, float) else " ".join(str(value).split())
    return text if len(text) <= length else text[: length - 1] + "…"
