"""LabelSmoothing: targets mixed with the uniform distribution."""

from torch import nn

from lepton.errors import ConfigError
from lepton.method import Batch, Method
from lepton.spec import DataSpec
from lepton.task.soft_targets import as_probabilities
from lepton.values.bounds import From0Below1


class LabelSmoothing(Method):
    """Mixes targets with the uniform distribution: over the classes, or over yes and no of a label.

    Source: Szegedy et al. 2016, section 7, https://arxiv.org/abs/1512.00567
    """

    replayable = True

    stackable = ("amount",)

    def __init__(self, *, amount: From0Below1):
        if not 0 <= amount < 1:
            raise ConfigError(
                f"regularization.label_smoothing.amount: {amount} is not a share in [0, 1)"
            )
        self.amount = amount

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        if spec.task == "regression" or not spec.target_names:
            what = spec.task if spec.target_names else "dataset.target=null"
            raise ConfigError(
                f"regularization.label_smoothing: {what} has no labels to smooth; leave it out"
            )
        self.classes = spec.outputs if spec.task == "multiclass" else 2
        return model

    def on_batch(self, batch: Batch) -> Batch:
        target = as_probabilities(batch["target"], self.classes)
        return batch | {"target": target * (1 - self.amount) + self.amount / self.classes}
