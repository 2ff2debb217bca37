"""Changed rows as files hold them: whole levels of pixels, 16 bits of samples, cells of a table."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lepton.attack.whole_numbers import raw_numbers
from lepton.audio.decoding import LEVELS
from lepton.dataset.data import Rows
from lepton.dataset.inputs.table import TableInputs
from lepton.evaluation.attacked_rows import AttackedRows


def table_kind(attacked: AttackedRows) -> TableInputs | None:
    """The fitted columns of a table that the run reads; None without."""
    tables = [kind for kind in attacked.model.kinds if isinstance(kind, TableInputs)]
    return tables[0] if tables else None


def changed_table(
    attacked: AttackedRows, raw: pd.DataFrame, before: Rows, changed: dict[str, Tensor]
) -> pd.DataFrame | None:
    """The columns that the run reads, numbers that were changed in the unit of the data.

    A cell whose number did not change stays as it stands in the data.
    """
    kind = table_kind(attacked)
    if kind is None or "num" not in changed:
        return None
    preprocessing = kind.preprocessor
    numbers = raw_numbers(preprocessing, changed["num"])
    moved = (changed["num"] != before["num"].to(changed["num"])).numpy()
    table = raw[[*kind.read_columns]].reset_index(drop=True).copy()
    for place, name in enumerate(preprocessing.num_features):
        if not moved[:, place].any():
            continue
        is_whole = place in attacked.whole_numbers.grids
        values = numbers[:, place].round() if is_whole else numbers[:, place]
        cells = table[name].astype(object)
        for row in np.flatnonzero(moved[:, place]):
            cells[row] = int(values[row]) if is_whole else float(values[row])
        table[name] = cells
    return table


def changed_rows(
    attacked: AttackedRows, before: Rows, changed: dict[str, Tensor], inputs: pd.DataFrame | None
) -> Rows:
    """The rows with what their files hold in place of what was found."""
    after = dict(before)
    for name, values in changed.items():
        if name == "num":
            kind = table_kind(attacked)
            assert kind is not None
            assert inputs is not None
            after["num"] = kind.encode(inputs)["num"]
        elif name == "audio":
            after[name] = _samples(values, before[name])
        else:
            after[name] = values.round().clamp(0, 255).to(torch.uint8)
    return after


def _samples(values: Tensor, before: Tensor) -> Tensor:
    """Samples of 16 bits, in as many columns as before. Shapes: values (rows, T)."""
    samples = torch.zeros_like(before)
    whole = (values * LEVELS).round().clamp(-LEVELS, LEVELS - 1).to(before.dtype)
    samples[:, : whole.shape[1]] = whole[:, : samples.shape[1]]
    return samples
