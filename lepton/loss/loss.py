"""Loss: the base of the options of the group loss, each in place of a task's own loss."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor

from lepton.errors import ConfigError
from lepton.metric.metric import Metric

RowLoss = Callable[[Tensor, Tensor], Tensor]


class Loss:
    """A loss of logits and targets, one number a row; a function or a class of torch.nn does too.

    The task weighs the rows by `task.class_weights` and takes the mean. `possible` names the tasks
    that it makes sense for, all where it is empty. `stackable` names the attributes, called as in
    YAML, that may differ between the members of a stack; there they are tensors. A constructor
    with an argument `task` is given the task's name.
    """

    possible: ClassVar[Sequence[str]] = ()
    stackable: ClassVar[Sequence[str]] = ()

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """The loss of each row; targets of classes may be soft.

        Shapes: binary and regression (B,), (B,) -> (B,); multiclass (B, classes), and (B,) of class
            numbers or (B, classes) of probabilities -> (B,); multilabel (B, labels) twice ->
            (B, labels).
        Units: those of a regression are standard deviations of the training targets.
        """
        raise NotImplementedError

    def constant(self, targets: Tensor) -> Tensor | None:
        """The logits that fit all training targets best where they must be the same for all rows.

        None where that is what the task says: the shares of classes, or the mean.
        Shapes: targets (N,) or (N, labels), as the loss learns from them -> (outputs,).
        """
        return None

    def metrics(self) -> Mapping[str, Metric]:
        """Metrics that are honest about what it makes a model predict; the first is monitored."""
        return {}


def losses_of_rows(loss: RowLoss, logits: Tensor, target: Tensor) -> Tensor:
    """What a loss gives for a batch. Raises: ConfigError where that is no number a row."""
    losses: Any = loss(logits, target)
    if not isinstance(losses, Tensor):
        given = type(losses).__name__
        raise ConfigError(f"loss: gave {given}; it returns a tensor with a number for each row")
    if losses.ndim == 0 or losses.shape != logits.shape[: losses.ndim]:
        raise ConfigError(
            f"loss: gave the shape {tuple(losses.shape)} for {len(logits)} rows; each needs one"
        )
    return losses
