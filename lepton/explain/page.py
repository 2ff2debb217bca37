"""The page of explained rows, and the table of all their attributions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from lepton.dataset.inputs.sound import Sound
from lepton.explain.explained_rows import ExplainedInputs, ExplainedRow, ExplainedRun
from lepton.explain.heat import heat_picture, plain_picture, shaded_parts
from lepton.report.blocks import Block, Report, Section, Table, Text
from lepton.values.counted import counted

MAX_COUNTING = 30  # names in the table of what counts
LEAST_ERROR = 0.05  # of a sum, from which on the page says that it is not met


def explanation_page(
    run: ExplainedRun,
    rows: Sequence[ExplainedRow],
    config: dict[str, Any],
    mistakes: int,
    command: str,
) -> Report:
    """The page of these rows, the first of which are the worst mistakes."""
    places = range(len(run.predictor.inputs))
    told = [p for p in places if any(row.inputs[p].explained.values.size for row in rows)]
    sections = [_rows_section(run, rows, place) for place in told]
    if counting := _counting_tables(rows):
        sections.append(Section("What counts in these rows", counting))
    sections.append(Section("How this was computed", _how(run, rows, config)))
    facts = {
        "Run": run.folder.name,
        "Rows": f"{len(rows)} of the test split's {len(run.outputs.ids)}",
        "Towards": run.outputs.aim,
        "Method": f"integrated gradients, {config['steps']} steps",
    }
    chosen = f"{counted(len(rows), 'row')} of the test split"
    if config["ids"] is None:
        worst = f": {counted(mistakes, 'worst mistake')}, the others" if mistakes else ","
        chosen += f"{worst} drawn by chance"
    return Report(run.folder.name, [f"{chosen}."], facts, sections, command, what="explanation")


def _rows_section(run: ExplainedRun, rows: Sequence[ExplainedRow], place: int) -> Section:
    kind = run.predictor.inputs[place]
    is_map = any(row.inputs[place].explained.pixels is not None for row in rows)
    shown = ["input", "integrated gradients", "Grad-CAM"] if is_map else ["what counts"]
    as_read = _as_read(run, rows, place) if kind.own_columns else None
    table = []
    for number, row in enumerate(rows):
        explained = row.inputs[place]
        cells = _cells(explained, is_map)
        if as_read is not None:
            cells.append(as_read[number])
        if not explained.explained.values.size:
            cells = ["none", *[""] * (len(cells) - 1)]
        attributions = explained.attributions
        difference = attributions.output - attributions.neutral_output
        numbers = [f"{attributions.output:.3f}", f"{difference:+.3f}"]
        row_id = str(run.outputs.ids[row.position])
        table.append([row_id, *run.outputs.cells(row.position), *numbers, *cells])
    shown += [] if as_read is None else ["as read"]
    header = ["row", *run.outputs.header, "output", "beyond neutral", *shown]
    caption = (
        "Orange speaks for the output, blue against it. The numbers of a row sum to what its "
        "output is beyond that of a neutral input."
    )
    if is_map and (layers := {r.inputs[place].layer for r in rows} - {None}):
        caption += f" Grad-CAM: layer {', '.join(sorted(map(str, layers)))}."
    name = f"explained_{kind.name}"
    return Section(f"Rows: {kind.plural}", [Table(name, caption, header, table, len(header))])


def _as_read(run: ExplainedRun, rows: Sequence[ExplainedRow], place: int) -> list[str] | None:
    """The sounds of rows, which a page plays; None where the inputs are no sounds."""
    kind = run.predictor.inputs[place]
    raw = run.inputs.inputs.iloc[[row.position for row in rows]]
    shown = kind.shown(raw[[*kind.own_columns]]).iloc[:, 0].tolist()
    return shown if all(isinstance(value, Sound) for value in shown) else None


def _cells(inputs: ExplainedInputs, is_map: bool) -> list[str]:
    """What was attributed to a row; of one without such inputs nothing."""
    if not is_map:
        return [shaded_parts(inputs.explained)]
    return _map_cells(inputs) if inputs.explained.pixels is not None else [""] * 3


def _map_cells(inputs: ExplainedInputs) -> list[str]:
    explained = inputs.explained
    assert explained.pixels is not None
    pixels = explained.upright(explained.pixels)
    values = explained.upright(explained.values)
    cells: list[str] = [
        plain_picture(pixels, "input"),
        heat_picture(values, pixels, "integrated gradients"),
    ]
    if inputs.cam is None:
        return [*cells, "no layer with maps"]
    return [*cells, heat_picture(explained.upright(inputs.cam), pixels, "Grad-CAM")]


def _counting_tables(rows: Sequence[ExplainedRow]) -> list[Block]:
    """For each kind with named parts their mean effect over the rows that have them."""
    blocks: list[Block] = []
    for place in range(len(rows[0].inputs) if rows else 0):
        kind = rows[0].inputs[place].kind
        frame = pd.concat([_parts(row.inputs[place]) for row in rows], ignore_index=True)
        if frame.empty:
            continue
        by_name = frame.groupby("name", sort=True)["value"]
        table = pd.DataFrame(
            {
                "size": by_name.agg(lambda values: float(np.abs(values).mean())),
                "mean": by_name.mean(),
                "rows": by_name.size(),
            }
        ).sort_values("size", ascending=False, kind="stable")
        cells = [
            [str(name), f"{size:.4g}", f"{mean:+.4g}", str(count)]
            for name, size, mean, count in table.head(MAX_COUNTING).itertuples()
        ]
        left_out = len(table) - len(cells)
        more = f" {left_out} more are in the table of attributions." if left_out > 0 else ""
        caption = f"Mean size and mean of what was attributed, over these rows alone.{more}"
        header = ["input", "mean size", "mean", "times"]
        blocks.append(Table(f"counts_{kind.name}", caption, header, cells, 1))
    return blocks


def _parts(inputs: ExplainedInputs) -> pd.DataFrame:
    explained = inputs.explained
    if explained.pixels is not None:
        names, sums = explained.by_frame()
        return pd.DataFrame({"name": pd.Series(names, dtype=object), "value": sums})
    return pd.DataFrame({"name": list(explained.names), "value": explained.values})


def _how(run: ExplainedRun, rows: Sequence[ExplainedRow], config: dict[str, Any]) -> list[Block]:
    told = [inputs.attributions for row in rows for inputs in row.inputs]
    errors = [abs(one.error) / max(abs(one.output - one.neutral_output), 1e-6) for one in told]
    worst = max(errors, default=0.0)
    text = (
        "Integrated gradients attribute to each input what the output changes by on the straight "
        "way from a neutral input: numbers at the median of training, categories that training "
        "has not seen, no words, a picture or a spectrum of nothing but its mean. Their sum is the "
        "difference of the two outputs"
    )
    text += f"; the sums of these rows are off by at most {100 * worst:.2g} % of it."
    blocks: list[Block] = [Text(text)]
    if worst > LEAST_ERROR:
        blocks.append(Text(f"More than steps={config['steps']} would bring them closer."))
    blocks.append(
        Text(
            "What an attribution says is about this network, not about the world: it shows what "
            "the network uses, also where that is chance or a leak. Grad-CAM has the resolution "
            "of its layer."
        )
    )
    return blocks


def attribution_frame(run: ExplainedRun, rows: Sequence[ExplainedRow]) -> pd.DataFrame:
    """A row for each part of each input: a column, a word, or a pixel by its row and column."""
    frames = []
    for row in rows:
        for inputs in row.inputs:
            values = np.asarray(inputs.explained.values, dtype=np.float64)
            count = values.size
            is_map, names = values.ndim == 2, list(inputs.explained.names)
            y, x = np.indices(values.shape) if is_map else (np.zeros(0), np.zeros(0))
            if is_map:
                width = values.shape[1] // inputs.explained.frames
                of_frame, x = x // width, x % width
                names = inputs.explained.by_frame()[0]
                names = [names[k] for k in of_frame.ravel()] if names else [None] * count
            frames.append(
                pd.DataFrame(
                    {
                        "id": int(run.outputs.ids[row.position]),
                        "output": row.output,
                        "inputs": inputs.kind.name,
                        "part": names,
                        "value": [None] * count if is_map else list(inputs.explained.texts),
                        "y": pd.array(y.ravel() if is_map else range(count), dtype="Int32"),
                        "x": pd.array(x.ravel() if is_map else [None] * count, dtype="Int32"),
                        "attribution": values.ravel(),
                        "grad_cam": inputs.cam.ravel() if inputs.cam is not None else np.nan,
                    }
                ).astype({"part": "string", "value": "string"})
            )
    return pd.concat(frames, ignore_index=True)
