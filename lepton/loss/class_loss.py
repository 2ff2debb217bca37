"""ClassLoss: the base of losses that depend on how likely the true class is."""

from torch import Tensor
from torch.nn import functional as F

from lepton.loss.loss import Loss


class ClassLoss(Loss):
    """A loss of the probability of the true class, or of the truth about each label.

    Of a soft target it is the mean over the classes that it gives a probability to.
    """

    possible = ("binary", "multiclass", "multilabel")

    def __init__(self, *, task: str):
        self.task = task

    def of_class(self, log_p: Tensor) -> Tensor:
        """The loss where the true class has a probability of this logarithm. Shapes: any."""
        raise NotImplementedError

    def of_labels(self, logits: Tensor, target: Tensor) -> Tensor:
        """The loss of each output that is yes or no. Shapes: both the same, as returned."""
        present, absent = self.of_class(F.logsigmoid(logits)), self.of_class(F.logsigmoid(-logits))
        return target * present + (1 - target) * absent

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        if self.task != "multiclass":
            return self.of_labels(logits, target)
        of_classes = self.of_class(logits.log_softmax(-1))
        if target.is_floating_point():
            return (target * of_classes).sum(-1)
        return of_classes.gather(-1, target[:, None]).squeeze(-1)
