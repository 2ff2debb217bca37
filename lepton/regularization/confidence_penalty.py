"""ConfidencePenalty: predictions that are too sure cost."""

from torch import Tensor, nn

from lepton.errors import ConfigError
from lepton.method import Batch, Method
from lepton.regularization.outputs import log_probabilities, mean_of_rows
from lepton.spec import DataSpec
from lepton.task import Task
from lepton.values.bounds import NotBelow0


class ConfidencePenalty(Method):
    """Takes beta times the entropy of the predicted distribution off the loss.

    Source: Pereyra et al. 2017, https://arxiv.org/abs/1701.06548
    """

    replayable = True
    stackable = ("beta",)

    def __init__(self, *, beta: NotBelow0):
        if beta < 0:
            raise ConfigError(f"regularization.confidence_penalty.beta: {beta} is negative")
        self.beta = beta

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        of_logits = log_probabilities(spec.task)
        if of_logits is None:
            raise ConfigError(
                f"regularization.confidence_penalty: task {spec.task} predicts no probabilities; "
                "leave it out"
            )
        self.log_probabilities = of_logits
        return model

    def loss(self, model: nn.Module, task: Task, batch: Batch, loss: Tensor, logits: Tensor):
        p = self.log_probabilities(logits)
        return loss + self.beta * mean_of_rows((p.exp() * p).sum(-1), batch)
