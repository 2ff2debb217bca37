"""L1: a penalty on the absolute values of the weights."""

from torch import Tensor, nn

from lepton.errors import ConfigError
from lepton.method import Method
from lepton.optimizer.parameter_groups import parameter_groups
from lepton.spec import DataSpec
from lepton.values.bounds import NotBelow0


class L1(Method):
    """Adds `rate` times the sum of the absolute weights to the loss, for the decayed weights.

    Source: Tibshirani 1996, https://doi.org/10.1111/j.2517-6161.1996.tb02080.x
    """

    replayable = True
    stackable = ("rate",)
    needs_whole_weights = True

    def __init__(self, *, rate: NotBelow0):
        if rate < 0:
            raise ConfigError(f"regularization.l1.rate: {rate} is negative; 0 is none")
        self.rate = rate

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        groups = [group for group in parameter_groups(model) if group["decay"]]
        self.names = {name for group in groups for name in group["names"]}
        return model

    def penalty(self, model: nn.Module) -> Tensor | float:
        weights = [p for name, p in model.named_parameters() if name in self.names]
        return self.rate * sum(p.abs().sum() for p in weights)
