"""AdaLoRA: low-rank updates whose ranks go, during the training, to the layers that need them."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lepton.compat.lightning import pl
from lepton.errors import ConfigError
from lepton.finetune.machinery.adapters import (
    exact_pattern,
    import_peft,
    inject_adapters,
    is_adapter,
)
from lepton.finetune.machinery.low_rank import low_rank_layers
from lepton.method import Method
from lepton.spec import DataSpec
from lepton.values.bounds import Above0, AtLeast1, Between0And1, From0Below1, NotBelow0

if TYPE_CHECKING:
    from peft import AdaLoraModel

log = logging.getLogger("lepton")
FEWEST_STEPS = 2  # until the ranks are chosen: one that is measured, and that one
INNER, OUTER, VALUES = ".lora_A.", ".lora_B.", ".lora_E."  # in names of the parts of an update


class AdaLoRA(Method):
    """Adds alpha / initial_rank times B diag(E) A to each weight; the least important E become 0.

    Importance is sensitivity times its uncertainty, averaged over steps; how many of all E stay,
    falls with the cube of the time. No epoch before the last of them has gone may be the best.
    Source: Zhang et al. 2023, https://arxiv.org/abs/2303.10512
    """

    alone = "puts adapters into the network"
    needs_whole_weights = True
    start_may_stay = True

    def __init__(
        self,
        *,
        rank: AtLeast1,
        initial_rank: AtLeast1,
        alpha: Above0,
        warmup: From0Below1,
        final: From0Below1,
        every: AtLeast1,
        orthogonal: NotBelow0,
        smoothing: Between0And1,
        dropout: From0Below1,
        targets: list[str] | None,
        keep: Literal["adapter", "whole"] | None,
    ):
        if initial_rank <= rank:
            raise ConfigError(
                f"finetune.initial_rank: {initial_rank} leaves nothing to take away down to "
                f"finetune.rank={rank}; take more, or finetune=lora"
            )
        if warmup + final >= 1:
            raise ConfigError(
                f"finetune.warmup={warmup}, final={final}: no share of the training is left in "
                "which ranks fall; below 1 together"
            )
        self.rank, self.initial_rank, self.alpha = rank, initial_rank, alpha
        self.warmup, self.final, self.every = warmup, final, every
        self.orthogonal, self.smoothing, self.dropout = orthogonal, smoothing, dropout
        self.targets, self.keep = targets, keep
        self.grows_until = 1 - final
        self.step = 0  # of the optimizer, that have been made

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        names = low_rank_layers(
            model,
            rank=self.initial_rank,
            alpha=self.alpha,
            dropout=self.dropout,
            targets=self.targets,
            option="adalora",
            rank_key="initial_rank",
        )
        self.settings = import_peft().AdaLoraConfig(
            init_r=self.initial_rank,
            target_r=self.rank,
            lora_alpha=self.alpha,
            lora_dropout=self.dropout,
            deltaT=self.every,
            beta1=self.smoothing,
            beta2=self.smoothing,
            total_step=1,  # until `plan` knows it
            target_modules=exact_pattern(names),
        )

        return inject_adapters(model, lambda: self._inject(model))

    def _inject(self, model: nn.Module) -> None:
        self.tuner: AdaLoraModel = import_peft().AdaLoraModel(model, self.settings, "default")
        self.allocator = self.tuner.rankallocator

    def plan(self, steps: int) -> None:
        """Spreads the fall of the ranks over a training of so many steps.

        Raises: ConfigError where there is no step to measure before the one that chooses.
        """
        if steps < FEWEST_STEPS:
            raise ConfigError(
                f"finetune=adalora: a training of {steps} step measures nothing by which ranks "
                "could be chosen; take more trainer.max_epochs or a smaller batch_size"
            )
        self.settings.total_step, self.settings.tinit = steps, int(self.warmup * steps)
        self.settings.tfinal = min(int(self.final * steps), steps - FEWEST_STEPS)

    def penalty(self, model: nn.Module) -> Tensor | float:
        """How far the vectors of each update are from orthogonal ones of length 1."""
        if not self.orthogonal:
            return 0.0
        inner = [p for name, p in model.named_parameters() if INNER in name]
        outer = [p.T for name, p in model.named_parameters() if OUTER in name]
        products = [vectors @ vectors.T for vectors in (*inner, *outer)]
        gaps = [torch.linalg.norm(p - torch.eye(len(p), device=p.device)) for p in products]
        return self.orthogonal * torch.stack(gaps).mean()

    @torch.no_grad()
    def after_step(self, model: nn.Module, optimizer: Optimizer) -> None:
        for name, parameter in model.named_parameters():
            if is_adapter(name):
                # layers that are dropped by chance have none, steps that overflow no finite one
                zeros, gradient = torch.zeros_like(parameter), parameter.grad
                parameter.grad = zeros if gradient is None else gradient.nan_to_num(0, 0, 0)
        self.step += 1
        self.tuner.update_and_allocate(self.step)

    def callbacks(self) -> Sequence[pl.Callback]:
        return [Allocation(self)]


class Allocation(pl.Callback):
    """Tells the method how long its training is, and keeps what it has measured in checkpoints."""

    def __init__(self, method: AdaLoRA):
        self.method = method

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        self.method.plan(pl_module.total_steps)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        ranks = ranks_by_layer(pl_module.get_submodule("model"))
        ordered = sorted(ranks, key=ranks.__getitem__)
        least, most = ordered[0], ordered[-1]
        log.info(
            "finetune=adalora: ranks are %d (%s) to %d (%s), %.1f in the mean of %d layers",
            *(ranks[least], least, ranks[most], most),
            *(sum(ranks.values()) / len(ranks), len(ranks)),
        )

    def state_dict(self) -> dict[str, Any]:
        allocator, settings = self.method.allocator, self.method.settings
        return {
            "step": self.method.step,
            "sensitivity": allocator.exp_avg_ipt,
            "uncertainty": allocator.exp_avg_unc,
            "kept": settings.rank_pattern,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        allocator, self.method.step = self.method.allocator, state_dict["step"]
        devices = {name: p.device for name, p in self.method.tuner.model.named_parameters()}
        for attribute, key in (("exp_avg_ipt", "sensitivity"), ("exp_avg_unc", "uncertainty")):
            saved = {name: t.to(devices[name]) for name, t in state_dict[key].items()}
            setattr(allocator, attribute, saved)
        allocator.ipt = dict(allocator.exp_avg_ipt)  # by whose names peft tells the first step
        self.method.settings.rank_pattern = state_dict["kept"]


def ranks_by_layer(model: nn.Module) -> dict[str, int]:
    """How many directions the update of each layer has left."""
    values = {name: p for name, p in model.named_parameters() if VALUES in name}
    return {name.partition(VALUES)[0]: int(p.count_nonzero()) for name, p in values.items()}
