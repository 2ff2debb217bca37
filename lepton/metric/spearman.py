"""spearman: the correlation of ranks."""

import torch
from torch import Tensor

from lepton.metric.metric import for_tasks


@for_tasks("regression")
def spearman(prediction: Tensor, target: Tensor, *, sample_weight: Tensor | None = None) -> Tensor:
    """Correlation of the ranks of predictions and targets; undefined where one is constant.

    By weights the ranks are those of rows that stand there so often.

    Source: Spearman 1904, https://doi.org/10.2307/1412159
    """
    if sample_weight is None:
        return torch.corrcoef(torch.stack([_ranks(prediction), _ranks(target)]))[0, 1]
    ranks = [_weighted_ranks(values, sample_weight) for values in (prediction, target)]
    covariance = torch.cov(torch.stack(ranks), correction=0, aweights=sample_weight)
    return covariance[0, 1] / covariance.diagonal().prod().sqrt()


def _ranks(values: Tensor) -> Tensor:
    """Ranks from the smallest on; equal values share the mean of theirs. Shapes: (N,) -> (N,)."""
    _, place, counts = values.unique(return_inverse=True, return_counts=True)
    last = counts.cumsum(0).double()
    return (last - (counts - 1) / 2)[place]


def _weighted_ranks(values: Tensor, weight: Tensor) -> Tensor:
    """What weighs less than each value and half of what has it: ranks, but for a constant."""
    _, place = values.unique(return_inverse=True)
    weights = torch.bincount(place, weights=weight)
    return (weights.cumsum(0) - weights / 2)[place]
