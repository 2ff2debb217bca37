"""L2SP: tunes everything, drawn back to the weights it started from."""

import torch
from torch import Tensor, nn

from lepton.errors import ConfigError
from lepton.finetune.machinery.layers import always_trained, require_layers
from lepton.method import Method
from lepton.spec import DataSpec
from lepton.values.bounds import NotBelow0


class L2SP(Method):
    """Adds alpha / 2 times the squared distance from the loaded weights, and beta / 2 times the
    squared norm of the head and of what is made new.

    Source: Li et al. 2018, https://arxiv.org/abs/1802.01483
    """

    replayable = True
    stackable = ("alpha", "beta")
    needs_whole_weights = True

    def __init__(self, *, alpha: NotBelow0, beta: NotBelow0):
        if alpha < 0 or beta < 0:
            raise ConfigError(f"finetune.alpha={alpha}, beta={beta}: 0 is none, none is below")
        self.alpha, self.beta = alpha, beta
        self.start: dict[str, Tensor] = {}

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        require_layers(model)
        model.requires_grad_(True)
        new = always_trained(model)
        self.start = {n: p.detach().clone() for n, p in model.named_parameters() if n not in new}
        return model

    def penalty(self, model: nn.Module) -> Tensor:
        loaded_terms, new_terms = [], []
        for name, parameter in model.named_parameters():
            if name in self.start:
                start = self.start[name].to(parameter.device, parameter.dtype)
                loaded_terms.append((parameter - start).square().sum())
            else:
                new_terms.append(parameter.square().sum())
        to_start, to_zero = torch.stack(loaded_terms).sum(), torch.stack(new_terms).sum()
        return self.alpha / 2 * to_start + self.beta / 2 * to_zero
