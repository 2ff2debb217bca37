"""Smaller steps the nearer to the input."""

from torch import nn

from lepton.errors import ConfigError
from lepton.finetune.machinery.layers import layers, under
from lepton.method import Method
from lepton.spec import DataSpec


class LayerwiseLR(Method):
    """The head has the optimizer's learning rate, each layer below `decay` of the one above.

    Source: Howard and Ruder 2018, section 3.2, https://arxiv.org/abs/1801.06146
    """

    def __init__(self, *, decay: float):
        if not 0 < decay <= 1:
            raise ConfigError(f"finetune.decay: {decay} is not a share, above 0 to 1")
        self.decay = decay

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        layers(model)
        return model.requires_grad_(True)

    def groups(self, model: nn.Module, groups: list[dict]) -> list[dict]:
        depth = {
            name: depth
            for depth, names in enumerate(reversed(layers(model)))
            for name in under(model, names)
        }
        return [
            part | {"lr_scale": self.decay**at}
            for group in groups
            for at in sorted({depth[name] for name in group["names"]})
            for part in [_only(group, {name for name in group["names"] if depth[name] == at})]
        ]


def _only(group: dict, names: set[str]) -> dict:
    """A parameter group with these of its parameters alone."""
    pairs = zip(group["names"], group["params"], strict=True)
    chosen = [(name, parameter) for name, parameter in pairs if name in names]
    kept, params = zip(*chosen, strict=True)
    hidden = [name for name in group["hidden"] if name in names]
    return group | {"names": list(kept), "params": list(params), "hidden": hidden}
