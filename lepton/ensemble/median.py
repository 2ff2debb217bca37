"""The median of probabilities or values."""

from torch import Tensor

from lepton.ensemble.combiner import Combiner


class Median(Combiner):
    """The middle prediction, or the mean of the two middle ones; classes are scaled to sum 1."""

    def combine(self, prediction: Tensor, weights: Tensor) -> Tensor:
        middle = prediction[weights > 0].quantile(0.5, dim=0)
        if self.task != "multiclass":
            return middle
        total = middle.sum(-1, keepdim=True)
        return (middle / total).where(total > 0, super().combine(prediction, weights))
