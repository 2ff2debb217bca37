"""The loss of pairs: features of one class lie in one direction, those of two in others."""

import torch
from torch import Tensor
from torch.nn import functional as F

from lepton.loss.weighted_mean import at_least_32_bits, at_least_tiny


def pair_loss(features: Tensor, agreement: Tensor, weight: Tensor | None = None) -> Tensor:
    """The mean square by which the cosines of pairs miss 1 in one class, and 0 in two.

    All pairs of a batch count; those of one class together as much as all of two.
    Shapes: features (B, D), or (B, K, D) of K parallel ones; agreement (B, B), the chance that both
        rows are of one class; weight (B,), of the rows -> scalar.
    """
    directions = F.normalize(at_least_32_bits(features), dim=-1)
    directions = directions.movedim(0, -2)  # (B, D), or (K, B, D)
    cosines = directions @ directions.mT
    is_pair = 1 - torch.eye(len(features), dtype=cosines.dtype, device=cosines.device)
    if weight is not None:
        is_pair = is_pair * torch.outer(weight, weight).to(cosines.dtype)
    same = is_pair * agreement.to(cosines.dtype)
    return (_mean(1 - cosines, same) + _mean(cosines, is_pair - same)) / 2


def _mean(errors: Tensor, weights: Tensor) -> Tensor:
    """The weighted mean square of errors; 0 where none has a weight. Shapes: (..., B, B), (B, B)"""
    squares = errors.square().reshape(-1, *weights.shape).mean(0)
    return (weights * squares).sum() / at_least_tiny(weights.sum())
