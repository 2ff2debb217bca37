"""Low-rank updates of linear layers."""

from typing import Literal

from torch import nn

from lepton.errors import ConfigError
from lepton.finetune.machinery import adapters
from lepton.method import Method
from lepton.spec import DataSpec


class LoRA(Method):
    """Adds alpha / rank times a product of two thin matrices, which starts at zero.

    Source: Hu et al. 2021, https://arxiv.org/abs/2106.09685
    """

    alone = "puts adapters into the network"

    def __init__(
        self,
        *,
        rank: int,
        alpha: float,
        dropout: float,
        targets: list[str] | None,
        keep: Literal["adapter", "whole"] | None,
    ):
        self.rank, self.alpha, self.dropout = rank, alpha, dropout
        self.targets, self.keep = targets, keep

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        return low_rank(self, model, option="lora", use_dora=False)


def low_rank(method, model: nn.Module, *, option: str, use_dora: bool) -> nn.Module:
    """The network with updates of the method's rank.

    Raises: ConfigError for sizes with which nothing would be learned.
    """
    if method.rank < 1:
        raise ConfigError(f"finetune.rank: {method.rank} is too small; 1 at least")
    if not method.alpha > 0:
        raise ConfigError(f"finetune.alpha: {method.alpha} would undo every update; above 0")
    if not 0 <= method.dropout < 1:
        raise ConfigError(f"finetune.dropout: {method.dropout} is not a share, 0 to below 1")
    names = adapters.linear_layers(model, method.targets, option)
    widest = max(max(model.get_submodule(name).weight.shape) for name in names)
    if method.rank > widest:
        raise ConfigError(f"finetune.rank: {method.rank} is above the widest layer's {widest}")
    config = adapters.peft().LoraConfig(
        r=method.rank,
        lora_alpha=method.alpha,
        lora_dropout=method.dropout,
        target_modules=adapters.exact(names),
        use_dora=use_dora,
    )
    return adapters.inject(model, config)
