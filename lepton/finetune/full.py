"""Full: tunes every parameter."""

from torch import nn

from lepton.finetune.machinery.layers import require_layers
from lepton.method import Method
from lepton.spec import DataSpec


class Full(Method):
    """Trains every parameter from the loaded weights on.

    Source: Devlin et al. 2019, https://arxiv.org/abs/1810.04805
    """

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        require_layers(model)
        return model.requires_grad_(True)
