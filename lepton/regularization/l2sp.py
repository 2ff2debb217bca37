"""L2SP: trained weights are drawn back to those that they were loaded with."""

from typing import cast

import torch
from torch import Tensor, nn

from lepton.errors import ConfigError
from lepton.method import Method
from lepton.model.layers import tunable
from lepton.spec import DataSpec
from lepton.values.bounds import NotBelow0


class L2SP(Method):
    """Adds alpha / 2 times the squared distance of the loaded weights from where they began, and
    beta / 2 times the squared norm of the head and of what is made new.

    So any strategy of fine-tuning has what finetune=l2sp has.
    Source: Li et al. 2018, https://arxiv.org/abs/1802.01483
    """

    replayable = True
    stackable = ("alpha", "beta")
    needs_whole_weights = True
    needs_start = True

    def __init__(self, *, alpha: NotBelow0, beta: NotBelow0):
        if alpha < 0 or beta < 0:
            raise ConfigError(
                f"regularization.l2sp: alpha={alpha}, beta={beta}; none may be below 0"
            )
        self.alpha, self.beta = alpha, beta
        self.start: dict[str, Tensor] = {}

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        new = head_and_new_parameters(model)
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
        to_zero = self.beta / 2 * torch.stack(new_terms).sum()
        if not loaded_terms:  # of a head that is trained alone
            return to_zero
        return self.alpha / 2 * torch.stack(loaded_terms).sum() + to_zero


def head_and_new_parameters(model: nn.Module) -> set[str]:
    """Names of the parameters of the head, and of those that no weights were loaded for."""
    head = tuple(f"{name}." for name in tunable(model).layers()[-1].split("+"))
    names = {name for name, _ in model.named_parameters() if f"{name}.".startswith(head)}
    return names | cast("frozenset[str]", getattr(model, "made_new", frozenset()))
