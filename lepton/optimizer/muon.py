"""Muon for the hidden matrices of a network, AdamW for all its other parameters."""

import torch
from torch.optim import Optimizer


class Muon(Optimizer):
    """torch's Muon and AdamW as one optimizer with one learning rate.

    A group's `hidden` names its parameters for Muon; its update is scaled to the size of AdamW's,
    so that both follow the same schedule.
    Source: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon; the scale from
        Liu et al. 2025, https://arxiv.org/abs/2502.16982.
    """

    def __init__(
        self,
        *,
        params: list[dict],
        lr: float,
        weight_decay: float,
        momentum: float,
        nesterov: bool,
        ns_steps: int,
        betas: list[float],
        eps: float,
        fused: bool,
    ):
        groups = [part for group in params for part in split(group)]
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
        self.parts = {
            matrices: kind(self._groups(matrices), **self.settings[matrices])
            for matrices, kind in ((True, torch.optim.Muon), (False, torch.optim.AdamW))
            if self._groups(matrices)
        }

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for matrices, part in self.parts.items():
            # Loading a state replaces groups and state; the parts must see the same objects.
            part.param_groups, part.state = self._groups(matrices), self.state
            part.step()
        return loss

    def _groups(self, matrices: bool) -> list[dict]:
        return [group for group in self.param_groups if group["matrices"] == matrices]


def split(group: dict) -> list[dict]:
    """The group's hidden matrices and the rest as groups of their own, each if it has any."""
    parts = []
    for matrices in (True, False):
        chosen = [
            (name, p)
            for name, p in zip(group["names"], group["params"], strict=True)
            if (name in group["hidden"]) == matrices
        ]
        if chosen:
            names, params = zip(*chosen, strict=True)
            own = {"params": list(params), "names": list(names), "matrices": matrices}
            parts.append(group | own)
    return parts
