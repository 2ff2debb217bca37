"""Everything is tuned, and drawn back to where it started."""

import torch
from torch import Tensor, nn

from lepton.errors import ConfigError
from lepton.finetune.machinery.layers import always, layers
from lepton.method import Method
from lepton.spec import DataSpec


class L2SP(Method):
    """Adds alpha / 2 times the squared way from the loaded weights, and beta / 2 times the squared
    norm of the head and of what is made new.

    Source: Li et al. 2018, https://arxiv.org/abs/1802.01483
    """

    stackable = ("alpha", "beta")

    def __init__(self, *, alpha: float, beta: float):
        if alpha < 0 or beta < 0:
            raise ConfigError(f"finetune.alpha={alpha}, beta={beta}: 0 is none, none is below")
        self.alpha, self.beta = alpha, beta
        self.start: dict[str, Tensor] = {}

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        layers(model)
        model.requires_grad_(True)
        new = always(model)
        self.start = {n: p.detach().clone() for n, p in model.named_parameters() if n not in new}
        return model

    def penalty(self, model: nn.Module) -> Tensor:
        away, new = [], []
        for name, parameter in model.named_parameters():
            if name in self.start:
                away.append(
                    (parameter - self.start[name].to(parameter.device, parameter.dtype))
                    .square()
                    .sum()
                )
            else:
                new.append(parameter.square().sum())
        return self.alpha / 2 * torch.stack(away).sum() + self.beta / 2 * torch.stack(new).sum()
