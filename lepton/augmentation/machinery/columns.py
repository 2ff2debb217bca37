"""What training rows say of the columns of a table: how far they spread, and what is usual."""

import torch
from torch import Tensor

from lepton.spec import QUANTILE_LEVELS, DataSpec


def spreads(spec: DataSpec) -> Tensor:
    """The standard deviation of each number over the training rows, as its quantiles tell it.

    Between two quantiles values count as equally frequent. Shapes: -> (numbers,) float64.
    """
    quantiles = torch.tensor(spec.quantiles, dtype=torch.float64)
    low, high = quantiles[:, :-1], quantiles[:, 1:]
    mean = (low + high).mean(1) / 2
    low, high = low - mean[:, None], high - mean[:, None]
    return ((low * low + low * high + high * high).mean(1) / 3).sqrt()


def medians(spec: DataSpec) -> Tensor:
    """The median of each number over the training rows. Shapes: -> (numbers,) float64."""
    return torch.tensor(spec.quantiles, dtype=torch.float64)[:, QUANTILE_LEVELS // 2]
