"""Muon for the hidden matrices of a network, AdamW for all its other parameters."""

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer

from lepton.values.bounds import Above0, AtLeast1, From0Below1, NotBelow0


class Muon(Optimizer):
    """torch's Muon and AdamW as one optimizer with one learning rate.

    A group's `hidden` names its parameters for Muon; its update is scaled to the size of AdamW's,
    so that both follow the same schedule.
    Source: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon; the scale from
        Liu et al. 2025, https://arxiv.org/abs/2502.16982.
    """

    needs_whole_weights = True

    def __init__(
        self,
        *,
        params: list[dict[str, Any]],
        lr: Above0,
        weight_decay: NotBelow0,
        momentum: From0Below1,
        nesterov: bool,
        ns_steps: AtLeast1,
        betas: list[From0Below1],
        eps: Above0,
        fused: bool,
    ):
        groups = [new_group for group in params for new_group in split_by_hidden(group)]
        super().__init__(groups, {"lr": lr, "weight_decay": weight_decay})
        self.settings = {
            True: {
                "momentum": momentum,
                "nesterov": nesterov,
                "ns_steps": ns_steps,
                "adjust_lr_fn": "match_rms_adamw",
            },
            False: {"betas": betas, "eps": eps, "fused": fused},
        }
        self.optimizers = {
            matrices: optimizer_class(self._groups(matrices), **self.settings[matrices])
            for matrices, optimizer_class in ((True, torch.optim.Muon), (False, torch.optim.AdamW))
            if self._groups(matrices)
        }

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for matrices, optimizer in self.optimizers.items():
            # Loading a state replaces groups and state; both optimizers must see the new objects.
            optimizer.param_groups, optimizer.state = self._groups(matrices), self.state
            optimizer.step()
        return loss

    def _groups(self, matrices: bool) -> list[dict[str, Any]]:
        return [group for group in self.param_groups if group["matrices"] == matrices]


def split_by_hidden(group: dict[str, Any]) -> list[dict[str, Any]]:
    """The group's hidden matrices and its other parameters, as a group each where there are any."""
    groups = []
    for matrices in (True, False):
        parameters = [
            (name, p)
            for name, p in zip(group["names"], group["params"], strict=True)
            if (name in group["hidden"]) == matrices
        ]
        if parameters:
            names, params = zip(*parameters, strict=True)
            entries = {"params": list(params), "names": list(names), "matrices": matrices}
            groups.append(group | entries)
    return groups
