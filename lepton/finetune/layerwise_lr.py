"""LayerwiseLR: smaller learning rates for layers nearer to the input."""

from typing import Any

from torch import nn

from lepton.errors import ConfigError
from lepton.finetune.machinery.layers import named_layers, parameters_under, require_layers
from lepton.finetune.machinery.parameter_rates import select_parameters
from lepton.method import Method
from lepton.spec import DataSpec
from lepton.values.bounds import Above0To1


class LayerwiseLR(Method):
    """The head has the optimizer's learning rate, each layer below `decay` of the one above.

    Source: Howard and Ruder 2018, section 3.2, https://arxiv.org/abs/1801.06146
    """

    def __init__(self, *, decay: Above0To1):
        if not 0 < decay <= 1:
            raise ConfigError(f"finetune.decay: {decay} is not a share, above 0 to 1")
        self.decay = decay

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        require_layers(model)
        return model.requires_grad_(True)

    def groups(self, model: nn.Module, groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
        depth_by_name = {
            name: depth
            for depth, names in enumerate(reversed(named_layers(model)))
            for name in parameters_under(model, names)
        }
        split_groups = []
        for group in groups:
            depths = [depth_by_name[name] for name in group["names"]]
            for depth in sorted(set(depths)):
                names = {n for n, d in zip(group["names"], depths, strict=True) if d == depth}
                split_groups.append(
                    select_parameters(group, names) | {"lr_scale": self.decay**depth}
                )
        return split_groups
