"""precision_at_recall: the best precision of those thresholds at which recall is high enough."""

from torch import Tensor

from lepton.compat.torchmetrics import classification as tm
from lepton.metric.averages import by_class
from lepton.metric.metric import for_tasks
from lepton.metric.ranking import curve
from lepton.values.bounds import Above0To1


@for_tasks("binary", "multiclass", "multilabel")
def precision_at_recall(
    prediction: Tensor,
    target: Tensor,
    *,
    sample_weight: Tensor | None = None,
    task: str,
    min_recall: Above0To1,
) -> Tensor:
    """The best precision at which a class is recalled enough; the mean over classes or labels.

    Raises: ValueError for a recall that is none.
    """
    if not 0 <= min_recall <= 1:
        raise ValueError(f"min_recall: {min_recall} is not from 0 to 1")

    def of_two_classes(p: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
        if weight is None:
            return tm.binary_precision_at_fixed_recall(p, y, min_recall)[0]
        true, false = curve(p, y, weight)
        return (true / (true + false))[true / true[-1] >= min_recall].max()

    return by_class(of_two_classes, prediction, target, sample_weight, task=task)
