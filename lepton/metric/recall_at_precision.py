"""recall_at_precision: the best recall of those thresholds at which precision is high enough."""

import torch
from torch import Tensor

from lepton.compat.torchmetrics import classification as tm
from lepton.metric.averages import by_class
from lepton.metric.metric import for_tasks
from lepton.metric.ranking import curve
from lepton.values.bounds import Above0To1


@for_tasks("binary", "multiclass", "multilabel")
def recall_at_precision(
    prediction: Tensor,
    target: Tensor,
    *,
    sample_weight: Tensor | None = None,
    task: str,
    min_precision: Above0To1,
) -> Tensor:
    """The best recall of a class that is precise enough; the mean over classes or labels.

    Raises: ValueError for a precision that is none.
    """
    if not 0 <= min_precision <= 1:
        raise ValueError(f"min_precision: {min_precision} is not from 0 to 1")

    def of_two_classes(p: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
        if weight is None:
            return tm.binary_recall_at_fixed_precision(p, y, min_precision)[0]
        true, false = curve(p, y, weight)
        is_precise = true / (true + false) >= min_precision
        return torch.where(is_precise, true / true[-1], 0).max()

    return by_class(of_two_classes, prediction, target, sample_weight, task=task)
