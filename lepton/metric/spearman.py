"""spearman: the correlation of ranks."""

import torch
from torch import Tensor

from lepton.metric.metric import for_tasks


@for_tasks("regression")
def spearman(prediction: Tensor, target: Tensor) -> Tensor:
    """Correlation of the ranks of predictions and targets; undefined where one is constant.

    Source: Spearman 1904, https://doi.org/10.2307/1412159
    """
    return torch.corrcoef(torch.stack([_ranks(prediction), _ranks(target)]))[0, 1]


def _ranks(values: Tensor) -> Tensor:
    """Ranks from the smallest on; equal values share the mean of theirs. Shapes: (N,) -> (N,)."""
    _, place, counts = values.unique(return_inverse=True, return_counts=True)
    last = counts.cumsum(0).double()
    return (last - (counts - 1) / 2)[place]
