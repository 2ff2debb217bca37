"""The expected calibration error: confidence against what came, in bins of equal width."""

import torch
from torch import Tensor


def calibration_error(
    confidence: Tensor, outcome: Tensor, weight: Tensor | None = None, *, n_bins: int
) -> Tensor:
    """The mean over rows of how far the share that came is from the mean confidence of their bin.

    A bin begins with its lower edge, k / n_bins as 64 bits round it, and ends before the next; the
    last one holds 1 as well. torchmetrics, for one, gives 1 a bin of its own.
    Shapes: (N,), (N,) of 0 and 1, weight (N,) -> scalar.
    Source: Naeini et al. 2015, https://doi.org/10.1609/aaai.v29i1.9602
    """
    edges = torch.arange(1, n_bins, dtype=torch.float64) / n_bins
    bins = torch.bucketize(confidence.double().contiguous(), edges, right=True)
    counts = torch.bincount(bins, weights=weight, minlength=n_bins).double()
    filled = counts > 0
    sums = [values.double() for values in (outcome, confidence)]
    sums = sums if weight is None else [values * weight for values in sums]
    of_bins = [
        torch.bincount(bins, weights=values, minlength=n_bins)[filled] / counts[filled]
        for values in sums
    ]
    gaps = (of_bins[0] - of_bins[1]).abs()
    return (gaps * (counts[filled] / counts.sum())).sum()


def multiclass_calibration_error(
    p: Tensor, y: Tensor, weight: Tensor | None = None, *, n_bins: int
) -> Tensor:
    """The error of the confidence in the predicted class. Shapes: (N, classes), (N,) -> scalar."""
    confidence, predicted = p.max(1)
    return calibration_error(confidence, predicted == y, weight, n_bins=n_bins)


def multilabel_calibration_error(
    p: Tensor, y: Tensor, weight: Tensor | None = None, *, n_bins: int
) -> Tensor:
    """The mean of the labels' errors. Shapes: (N, labels), (N, labels) -> scalar."""
    labels = zip(p.unbind(1), y.unbind(1), strict=True)
    errors = [calibration_error(*label, weight, n_bins=n_bins) for label in labels]
    return torch.stack(errors).mean()
