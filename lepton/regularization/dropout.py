"""Dropout: one rate for all dropout layers of a model."""

from torch import nn

from lepton.compat.torch import is_dropout
from lepton.errors import ConfigError
from lepton.method import Method
from lepton.spec import DataSpec
from lepton.values.bounds import From0Below1


class Dropout(Method):
    """Gives every dropout layer of the model the same rate.

    Source: Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html
    """

    stackable = ("rate",)

    def __init__(self, *, rate: From0Below1):
        if not 0 <= rate < 1:
            raise ConfigError(f"regularization.dropout.rate: {rate} is not a share in [0, 1)")
        self.rate = rate

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        layers = [m for m in model.modules() if is_dropout(m)]
        if not layers:
            raise ConfigError(
                f"regularization.dropout: the model {type(model).__name__} has no dropout layer; "
                "leave regularization.dropout out, or give the model one (`model.dropout=0.1`, "
                "where `lepton list model` shows that key)"
            )
        for layer in layers:
            layer.p = self.rate
        return model
