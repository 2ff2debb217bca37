"""The page of attacked rows: what they were and became, and what the run predicts of both."""

from typing import Any

import numpy as np

from lepton.adversarial_examples.examples import AttackedExamples
from lepton.adversarial_examples.folder import pixels_of, rate_of, samples_of
from lepton.audio.spectrogram import spectrogram_png
from lepton.dataset.inputs.explained import Shaded
from lepton.dataset.inputs.picture import Picture
from lepton.dataset.inputs.sound import Sound, wav
from lepton.explain.heat import heat_picture, plain_picture
from lepton.report.blocks import Block, Report, Section, Table, Text

MOST_CELLS = 12  # changed columns of a row that the page names


def sheet(examples: AttackedExamples, command: str) -> Report:
    """The page of these rows."""
    rows = examples.rows
    header, shown = [*rows.columns], _shown(examples)
    table = [
        [*map(_text, values), *cells]
        for values, cells in zip(rows.itertuples(index=False), shown["cells"], strict=True)
    ]
    caption = (
        "Each row as it was, and with the worst change that was found. Predictions are of what the "
        "files hold: whole levels of pixels, samples of 16 bits, cells of a table, texts."
    )
    shown_header = [*header, *shown["header"]]
    first_number = len(shown_header if examples.text_columns else header)
    block = Table("rows", caption, shown_header, table, first_number)
    how: list[Block] = [
        Text(f"{examples.how} A row that stays right is no proof that none would break it.")
    ]
    facts = {
        "Run": examples.folder.name,
        "Epsilon": examples.size,
        "Rows": f"{len(rows)} of the test split",
    }
    sections = [Section("Rows", [block]), Section("How they were found", how)]
    return Report(
        examples.folder.name, [_summary(examples)], facts, sections, command, what="attack"
    )


def _summary(examples: AttackedExamples) -> str:
    rows = examples.rows
    befores = [name for name in rows if name.startswith("before")]
    afters = [f"after{name.removeprefix('before')}" for name in befores]
    if examples.model.task.name == "regression":
        targets = [name for name in rows if name.startswith("target")]
        errors = [
            np.abs(rows[side].to_numpy(float) - rows[targets].to_numpy(float)).mean()
            for side in (befores, afters)
        ]
        return f"{len(rows)} rows: the mean error was {errors[0]:.4g}, and is {errors[1]:.4g}."
    is_other = (rows[befores].to_numpy() != rows[afters].to_numpy()).any(1)
    return f"{len(rows)} rows: {int(is_other.sum())} are predicted otherwise when changed."


def _shown(examples: AttackedExamples) -> dict[str, Any]:
    """The cells that show what changed, in columns of their own, and the names of these."""
    columns: dict[str, list[Any]] = {}
    count = len(examples.rows)
    before, after = examples.before, examples.after
    if "image" in after:
        pairs = [
            [pixels_of(side["image"][i].numpy()) for side in (before, after)] for i in range(count)
        ]
        columns["before"] = [plain_picture(pixels, "before") for pixels, _ in pairs]
        columns["after"] = [plain_picture(pixels, "after") for _, pixels in pairs]
        columns["change"] = [_change(*pair) for pair in pairs]
    if "audio" in after:
        for name, side in (("sound before", before), ("sound after", after)):
            columns[name] = [_sound(examples, side, i) for i in range(count)]
    for name in examples.text_columns:
        pairs = [_marked(examples, name, i) for i in range(count)]
        columns[f"{name} before"], columns[f"{name} after"] = map(list, zip(*pairs, strict=True))
    if examples.inputs is not None and not examples.text_columns:
        columns["changed numbers"] = [_changed_numbers(examples, i) for i in range(count)]
    return {"header": [*columns], "cells": [*zip(*columns.values(), strict=True)] or [()] * count}


def _change(before: np.ndarray, after: np.ndarray) -> Picture:
    """Where a picture became brighter, orange, and darker, blue."""
    difference = after.astype(float) - before.astype(float)
    return heat_picture(
        difference.mean(2) if difference.ndim == 3 else difference, before, "change"
    )


def _sound(examples: AttackedExamples, rows: dict, place: int) -> Sound:
    samples, rate = samples_of(examples, rows, place), rate_of(examples)
    picture = Picture("spectrogram", spectrogram_png(samples, rate), media_type="image/png")
    return Sound("sound", wav(samples, rate), media_type="audio/wav", picture=picture)


def _changed_numbers(examples: AttackedExamples, place: int) -> str:
    assert examples.inputs is not None
    now, was = examples.inputs.iloc[place], examples.raw.iloc[place]
    cells = [
        f"{name}: {_text(was[name])} → {_text(now[name])}"
        for name in now.index
        if _differs(was[name], now[name])
    ]
    more = f" and {len(cells) - MOST_CELLS} more" if len(cells) > MOST_CELLS else ""
    return "; ".join(cells[:MOST_CELLS]) + more


def _marked(examples: AttackedExamples, name: str, place: int) -> tuple[Shaded, Shaded]:
    """A text before and after, with the words that differ shaded."""
    assert examples.inputs is not None
    cells = (side[name].iloc[place] for side in (examples.raw, examples.inputs))
    was, now = (cell.split() if isinstance(cell, str) else [] for cell in cells)
    changed = [float(a != b) for a, b in zip(was, now, strict=True)]
    before = Shaded([*zip(was, (-share for share in changed), strict=True)])
    return before, Shaded([*zip(now, changed, strict=True)])


def _differs(was: Any, now: Any) -> bool:
    return not (was is now or was == now or (was != was and now != now))


def _text(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float | np.floating) else str(value)
