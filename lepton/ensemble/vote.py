"""Majority voting."""

from torch import Tensor

from lepton.ensemble.combiner import Combiner, predicted_classes


class Vote(Combiner):
    """The share of the members that predict a class, or the label."""

    possible = ("binary", "multiclass", "multilabel")

    def combine(self, prediction: Tensor, weights: Tensor) -> Tensor:
        return super().combine(predicted_classes(prediction, self.task), weights)
