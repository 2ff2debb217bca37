"""median_absolute_error: the error that half of the rows stay below."""

from torch import Tensor

from lepton.metric.metric import for_tasks
from lepton.metric.row_weights import middle


@for_tasks("regression")
def median_absolute_error(
    prediction: Tensor, target: Tensor, *, sample_weight: Tensor | None = None
) -> Tensor:
    """The median of the distances between prediction and target; of two middle ones the mean."""
    distances, rows = (prediction - target).abs(), len(target)
    if sample_weight is not None:
        return middle(distances, sample_weight)
    distances = distances.sort().values
    return distances[(rows - 1) // 2 : rows // 2 + 1].mean()
