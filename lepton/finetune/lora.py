"""LoRA: low-rank updates of linear layers and convolutions."""

from typing import Any, Literal

from torch import nn

from lepton.errors import ConfigError
from lepton.finetune.machinery.low_rank import inject_low_rank, inject_principal
from lepton.finetune.machinery.parameter_rates import with_scaled_rate
from lepton.method import Method
from lepton.spec import DataSpec
from lepton.values.bounds import Above0, AtLeast1, From0Below1

OUTER = ".lora_B."  # in names of the matrix of an update that begins at zero


class LoRA(Method):
    """Adds alpha / rank times a product of two thin matrices, which starts at zero.

    Source: Hu et al. 2021, https://arxiv.org/abs/2106.09685; alpha / sqrt(rank): Kalajdzievski
        2023, https://arxiv.org/abs/2312.03732; rates: Hayou et al. 2024,
        https://arxiv.org/abs/2402.12354
    """

    alone = "puts adapters into the network"

    def __init__(
        self,
        *,
        rank: AtLeast1,
        alpha: Above0,
        dropout: From0Below1,
        targets: list[str] | None,
        start: Literal["pissa"] | None,
        rank_stabilized: bool,
        rate_ratio: Above0,
        keep: Literal["adapter", "whole"] | None,
    ):
        if start == "pissa" and keep == "adapter":
            raise ConfigError(
                "finetune.keep=adapter: finetune.start=pissa changes the weights below the adapter "
                "as well; take finetune.keep=whole"
            )
        self.rank, self.alpha, self.dropout, self.targets = rank, alpha, dropout, targets
        self.start, self.rank_stabilized, self.rate_ratio = start, rank_stabilized, rate_ratio
        self.keep = "whole" if start == "pissa" else keep

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        inject = inject_principal if self.start == "pissa" else inject_low_rank
        return inject(
            model,
            rank=self.rank,
            alpha=self.alpha,
            dropout=self.dropout,
            targets=self.targets,
            option="lora",
            use_rslora=self.rank_stabilized,
        )

    def groups(self, model: nn.Module, groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if self.rate_ratio == 1:
            return groups
        outer = {name for name, _ in model.named_parameters() if OUTER in name}
        return with_scaled_rate(groups, outer, self.rate_ratio)
