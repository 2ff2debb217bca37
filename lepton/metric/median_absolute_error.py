"""median_absolute_error: the error that half of the rows stay below."""

from torch import Tensor

from lepton.metric.metric import for_tasks


@for_tasks("regression")
def median_absolute_error(prediction: Tensor, target: Tensor) -> Tensor:
    """The median of the distances between prediction and target; of two middle ones the mean."""
    distances, rows = (prediction - target).abs().sort().values, len(target)
    return distances[(rows - 1) // 2 : rows // 2 + 1].mean()
