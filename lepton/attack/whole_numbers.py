"""WholeNumbers: keeps columns of whole numbers whole under attack, in the unit of the data."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lepton.preprocessing.many_columns import scale
from lepton.preprocessing.table import TablePreprocessing

MOST_VALUES = 2**16  # of a column; of a longer range evenly spread whole numbers stand for all

ROWS_AT_ONCE = 2**12


@dataclass(frozen=True)
class WholeNumbers:
    """For each column of whole numbers what these become as inputs of a model, in order.

    `grids` by the place of the number among those of the batch. Shapes: each (whole numbers,).
    """

    grids: Mapping[int, Tensor]

    def snap(self, name: str, values: Tensor, clean: Tensor) -> Tensor:
        """Values moved towards the clean ones until they are whole, or the clean ones themselves.

        So no limit is crossed. Shapes: values and clean (B, numbers) -> the same.
        """
        if name != "num" or not self.grids:
            return values
        columns = [*values.unbind(1)]
        for place, grid in self.grids.items():
            columns[place] = _towards(grid.to(values), values[:, place], clean[:, place])
        return torch.stack(columns, 1)


def whole_numbers(
    preprocessing: TablePreprocessing, columns: pd.DataFrame, ends: Tensor
) -> WholeNumbers:
    """The columns of whole numbers among parsed ones, in all of whose rows no other number stands.

    Shapes: ends (numbers, 2), the least and the largest input of each that may come.
    """
    grids = {}
    for place, name in enumerate(preprocessing.num_features):
        if preprocessing.kinds.get(name) != "numeric":
            continue
        known = columns[name].dropna().to_numpy(float)
        if len(known) and (known == np.round(known)).all():
            grids[place] = _grid(preprocessing, place, ends[place])
    return WholeNumbers(grids)


def raw_numbers(preprocessing: TablePreprocessing, num: Tensor) -> np.ndarray:
    """Numbers in the unit of the data, of inputs of a model.

    Shapes: num (rows, numbers), without marks of what is missing (rows, those before them).
    """
    numbers = num[:, : len(preprocessing.fill)].double().numpy()
    scaler = preprocessing.scaler
    return numbers if scaler is None else scaler.inverse_transform(numbers)


def scales_columns_apart(preprocessing: TablePreprocessing) -> bool:
    """False where a number's input depends on other columns, or does not tell the number."""
    scaler = preprocessing.scaler
    if scaler is None:
        return True
    two = np.array([preprocessing.fill] * 2)
    two[1, 1:] += 1
    return hasattr(scaler, "inverse_transform") and not np.ptp(scale(scaler, two)[:, 0])


def _grid(preprocessing: TablePreprocessing, place: int, ends: Tensor) -> Tensor:
    """The inputs that all whole numbers between two inputs become."""
    of_ends = np.array([preprocessing.fill] * 2)
    of_ends = _scaled(preprocessing, of_ends)
    of_ends[:, place] = ends.double().numpy()
    low, high = np.round(raw_numbers(preprocessing, torch.from_numpy(of_ends))[:, place], 6)
    count = min(int(np.floor(high) - np.ceil(low)) + 1, MOST_VALUES)
    whole = np.unique(np.linspace(np.ceil(low), np.floor(high), max(count, 0)).round())
    inputs = [np.zeros(0)]
    for some in np.split(whole, range(ROWS_AT_ONCE, len(whole), ROWS_AT_ONCE)):
        numbers = np.array([preprocessing.fill] * len(some)).reshape(len(some), -1)
        numbers[:, place] = some
        inputs.append(_scaled(preprocessing, numbers)[:, place])
    return torch.from_numpy(np.concatenate(inputs).astype(np.float32))


def _scaled(preprocessing: TablePreprocessing, numbers: np.ndarray) -> np.ndarray:
    scaler = preprocessing.scaler
    return numbers if scaler is None or not len(numbers) else scale(scaler, numbers)


def _towards(grid: Tensor, values: Tensor, clean: Tensor) -> Tensor:
    if not len(grid):
        return clean
    values = values.contiguous()
    below = grid[(torch.searchsorted(grid, values, right=True) - 1).clamp(min=0)]
    above = grid[torch.searchsorted(grid, values).clamp(max=len(grid) - 1)]
    below = torch.where(below <= values, below, clean)
    above = torch.where(above >= values, above, clean)
    return torch.where(values >= clean, torch.maximum(below, clean), torch.minimum(above, clean))
