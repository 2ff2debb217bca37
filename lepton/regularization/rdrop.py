"""RDrop: two passes with other dropout masks shall say the same."""

from torch import Tensor, nn

from lepton.compat.torch import is_dropout
from lepton.errors import ConfigError
from lepton.loss.weighted_mean import at_least_32_bits
from lepton.method import Batch, Method
from lepton.regularization.outputs import log_probabilities, mean_of_rows
from lepton.spec import DataSpec
from lepton.task import Task
from lepton.values.bounds import NotBelow0


class RDrop(Method):
    """Learns from a second pass too, and adds alpha times how far its outputs are from the first's.

    That is half the symmetric divergence of the classes, or of yes and no of each label; of numbers
    the squared difference, as the paper has it.
    Units: those of a regression are standard deviations of the training targets.
    Source: Liang et al. 2021, https://arxiv.org/abs/2106.14448
    """

    replayable = True
    stackable = ("alpha",)

    def __init__(self, *, alpha: NotBelow0):
        if alpha < 0:
            raise ConfigError(f"regularization.rdrop.alpha: {alpha} is negative; 0 only averages")
        self.alpha = alpha

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        if not any(is_dropout(m) and m.p > 0 for m in model.modules()):
            raise ConfigError(
                f"regularization.rdrop: the model {type(model).__name__} drops nothing out, so "
                "both passes say the same; `model.dropout=0.1`, or "
                "`regularization=[dropout,rdrop]` where it has layers of dropout"
            )
        self.log_probabilities = log_probabilities(spec.task)
        if self.log_probabilities is None and spec.task != "regression":
            raise ConfigError(
                f"regularization.rdrop: task {spec.task} has neither classes nor numbers to "
                "compare; leave it out"
            )
        return model

    def loss(self, model: nn.Module, task: Task, batch: Batch, loss: Tensor, logits: Tensor):
        second = model(batch)
        change = (task.loss_of(second, batch) - task.loss_of(logits, batch)) / 2
        return loss + change + self.alpha * mean_of_rows(self._distance(logits, second), batch)

    def _distance(self, logits: Tensor, second: Tensor) -> Tensor:
        if self.log_probabilities is None:
            return (at_least_32_bits(logits) - at_least_32_bits(second)).square()
        p, q = self.log_probabilities(logits), self.log_probabilities(second)
        return ((p.exp() - q.exp()) * (p - q)).sum(-1) / 2
