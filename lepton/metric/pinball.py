"""pinball: how well predictions are quantiles."""

import torch
from torch import Tensor

from lepton.metric.metric import for_tasks
from lepton.metric.row_weights import row_mean
from lepton.values.bounds import Between0And1


@for_tasks("regression")
def pinball(
    prediction: Tensor,
    target: Tensor,
    *,
    sample_weight: Tensor | None = None,
    level: Between0And1,
) -> Tensor:
    """Mean pinball loss of predictions as quantiles of this level, in the target's unit.

    Source: Koenker and Bassett 1978, https://doi.org/10.2307/1913643
    Raises: ValueError for a level that is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level: {level} is not between 0 and 1")
    error = target - prediction
    return row_mean(torch.maximum(level * error, (level - 1) * error), sample_weight)
