"""Series of numbers of varying length: a kind of inputs of one's own, its data sets and models."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.data import Data
from lepton.dataset.inputs.kind import InputKind
from lepton.dataset.inputs.picture import Picture
from lepton.dataset.load.streaming import FileSource
from lepton.dataset.tabular import TabularData
from lepton.errors import DataError

FILE = "series.json"
BLOCKS = "▁▂▃▄▅▆▇█"


class SeriesInputs(InputKind):
    """A column of lists of numbers: `series` (rows, T) float32, of which `steps` (rows,) count.

    Shapes: of a batch series and mask (B, T), the mask true on a row's own steps.
    """

    name = "series"
    plural = "series"
    tensors = ("series", "steps")
    run_files = {FILE: "scales"}  # noqa: RUF012
    cell_length = 60

    def __init__(self, *, column: str):
        super().__init__()
        self.own_columns = (column,)
        self.mean, self.std, self.longest = 0.0, 1.0, 1

    def clean(self, frame, target):
        target = super().clean(frame, target)
        column = self.own_columns[0]
        for row, values in enumerate(frame[column]):
            if not isinstance(values, list | tuple | np.ndarray) or len(values) == 0:
                raise DataError(f"column {column!r}, row {row + 1}: {values!r} is no series")
        return target

    def fit(self, frame, rows):
        values = [np.asarray(frame[self.own_columns[0]].iloc[row], float) for row in rows]
        steps = np.concatenate(values)
        self.mean, self.std = float(steps.mean()), float(steps.std()) or 1.0
        self.longest = max(map(len, values))
        self.notes.append(
            CleaningNote("steps in training", len(steps), f"column {self.own_columns[0]}")
        )

    def transform(self, frame, rows):
        values = [np.asarray(frame[self.own_columns[0]].iloc[row], float) for row in rows]
        steps = torch.tensor([len(row) for row in values], dtype=torch.int64)
        series = torch.zeros(len(values), int(steps.max()) if len(values) else 0)
        for row, numbers in enumerate(values):
            series[row, : len(numbers)] = torch.from_numpy((numbers - self.mean) / self.std)
        return {"series": series, "steps": steps}

    def spec_fields(self, train):
        return {"longest": self.longest, "mean": self.mean, "std": self.std}

    def save(self, folder):
        state = {"column": self.own_columns[0], "mean": self.mean, "std": self.std}
        (folder / FILE).write_text(json.dumps(state))

    @classmethod
    def load(cls, folder, spec):
        state = json.loads((folder / FILE).read_text())
        inputs = cls(column=state["column"])
        inputs.mean, inputs.std = state["mean"], state["std"]
        return inputs

    @classmethod
    def lengths(cls, rows):
        return rows["steps"].cpu()

    @classmethod
    def row_bytes(cls, rows):
        return 4 * 64  # a step in a network of 64 channels

    @classmethod
    def cut(cls, rows, index, width):
        series, steps = rows["series"][index][:, :width], rows["steps"][index]
        return {"series": series, "mask": torch.arange(width, device=steps.device) < steps[:, None]}

    @classmethod
    def describe(cls, spec):
        return f"series of up to {cls.fields_of(spec)['longest']} steps"

    @classmethod
    def example_fields(cls):
        return [{"longest": 12, "mean": 0.0, "std": 1.0}]

    @classmethod
    def example_rows(cls, spec, rows, generator):
        longest = cls.fields_of(spec)["longest"]
        steps = torch.randint(1, longest + 1, (rows,), generator=generator)
        steps[:2] = torch.tensor([1, longest])
        mask = torch.arange(longest) < steps[:, None]
        return {"series": torch.randn(mask.shape, generator=generator) * mask, "mask": mask}

    @classmethod
    def without_padding(cls, row):
        steps = int(row["mask"].sum())
        return {**row, "series": row["series"][:, :steps], "mask": row["mask"][:, :steps]}

    @classmethod
    def broken_promises(cls, split, rows, spec):
        if (rows["steps"] < 1).any():
            yield "every series must have a step"
        if not rows["series"].isfinite().all():
            yield "series must be finite"

    def shown(self, rows):
        column = self.own_columns[0]
        pictures = [Picture(sparkline(v), svg(v), media_type="image/svg+xml") for v in rows[column]]
        return pd.DataFrame({column: pd.Series(pictures, dtype=object, index=rows.index)})

    def slice_columns(self, rows):
        column = self.own_columns[0]
        return pd.DataFrame({f"steps of {column}": rows[column].map(len)})


def sparkline(values):
    """A series as a row of blocks."""
    numbers = np.asarray(values, float)
    low, span = numbers.min(), np.ptp(numbers) or 1.0
    return "".join(BLOCKS[int(7 * (number - low) / span)] for number in numbers)


def svg(values):
    """A series as the bytes of a line drawing."""
    numbers = np.asarray(values, float)
    low, span = numbers.min(), np.ptp(numbers) or 1.0
    points = " ".join(f"{4 * x},{30 - 28 * (y - low) / span:.1f}" for x, y in enumerate(numbers))
    size = f'width="{4 * len(numbers)}" height="32"'
    line = f'<polyline points="{points}" fill="none" stroke="gray"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{line}</svg>'.encode()


class SeriesFolder(Data):
    """A folder with a folder of files for each class; a file has a number a line."""

    provides = ("series.SeriesInputs",)
    folder_keys = ("path",)

    def __init__(self, *, path: str, memory_gb: float | None, **rows):
        super().__init__(**rows)
        self.path, self.memory_gb = Path(path), memory_gb
        self.inputs.append(SeriesInputs(column="signal"))

    def stream_source(self):
        paths = sorted(map(str, self.path.glob("*/*.txt")))
        return FileSource(paths=paths, options={}, bytes=sum(os.stat(p).st_size for p in paths))

    def read(self):
        rows = [
            {"signal": list(map(float, file.read_text().split())), "label": file.parent.name}
            for file in sorted(self.path.glob("*/*.txt"))
        ]
        return pd.DataFrame(rows), None


class Visits(TabularData):
    """A table with a series in one of its columns, as JSON lines."""

    provides = ("table", "series.SeriesInputs")

    def __init__(self, *, path: str, **table):
        super().__init__(**table)
        self.path = path
        self.inputs.append(SeriesInputs(column="pulse"))

    def read(self):
        return pd.read_json(self.path, lines=True), None


class SeriesNet(nn.Module):
    """A convolution over the steps, their mean, and a linear head."""

    reads = ("series.SeriesInputs",)

    def __init__(self, *, spec, channels: int, dropout: float):
        super().__init__()
        self.convolution = nn.Conv1d(1, channels, kernel_size=3, padding=1)
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(channels, channels)
        self.head = nn.Linear(channels, spec.outputs)

    def forward(self, batch):
        return self.head(self.features(batch))

    def features(self, batch):
        mask = batch["mask"][:, None]
        steps = F.relu(self.convolution(batch["series"][:, None])) * mask
        return F.relu(self.hidden(self.dropout(steps.sum(-1) / mask.sum(-1))))

    def layers(self):
        return ["convolution", "hidden", "head"]


class VisitNet(nn.Module):
    """The mean of a series beside the numbers of a table, under one linear layer."""

    reads = ("table", "series.SeriesInputs")

    def __init__(self, *, spec, channels: int):
        super().__init__()
        self.convolution = nn.Conv1d(1, channels, kernel_size=3, padding=1)
        self.columns_in = nn.Linear(len(spec.num_features) + len(spec.cat_features), channels)
        self.head = nn.Linear(2 * channels, spec.outputs)

    def forward(self, batch):
        mask = batch["mask"][:, None]
        steps = F.relu(self.convolution(batch["series"][:, None])) * mask
        columns = [batch[name].to(steps.dtype) for name in ("num", "cat") if name in batch]
        numbers = F.relu(self.columns_in(torch.cat(columns, 1)))
        return self.head(torch.cat([steps.sum(-1) / mask.sum(-1), numbers], 1))
