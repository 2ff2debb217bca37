"""LoRA: low-rank updates of linear layers and convolutions."""

from typing import Literal

from torch import nn

from lepton.finetune.machinery.low_rank import inject_low_rank
from lepton.method import Method
from lepton.spec import DataSpec
from lepton.values.bounds import Above0, AtLeast1, From0Below1


class LoRA(Method):
    """Adds alpha / rank times a product of two thin matrices, which starts at zero.

    Source: Hu et al. 2021, https://arxiv.org/abs/2106.09685
    """

    alone = "puts adapters into the network"

    def __init__(
        self,
        *,
        rank: AtLeast1,
        alpha: Above0,
        dropout: From0Below1,
        targets: list[str] | None,
        keep: Literal["adapter", "whole"] | None,
    ):
        self.rank, self.alpha, self.dropout = rank, alpha, dropout
        self.targets, self.keep = targets, keep

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        return inject_low_rank(
            model,
            rank=self.rank,
            alpha=self.alpha,
            dropout=self.dropout,
            targets=self.targets,
            option="lora",
        )
