"""VeRA: low-rank updates whose matrices are random and shared; only factors are learned."""

from typing import Literal

from torch import nn

from lepton.errors import ConfigError
from lepton.finetune.machinery.adapters import (
    adaptable_linear_layers,
    exact_pattern,
    import_peft,
    inject_adapters,
)
from lepton.method import Method
from lepton.spec import DataSpec
from lepton.storage.machine_memory import memory_excess
from lepton.values.bounds import Above0, AtLeast1, From0Below1


class VeRA(Method):
    """Adds diag(b) B diag(d) A to each weight; b begins at zero, A and B are those of all layers.

    They are drawn by peft, the same in every run.
    Source: Kopiczko et al. 2023, https://arxiv.org/abs/2310.11454
    """

    alone = "puts adapters into the network"

    def __init__(
        self,
        *,
        rank: AtLeast1,
        initial: Above0,
        dropout: From0Below1,
        targets: list[str] | None,
        keep: Literal["adapter", "whole"] | None,
    ):
        self.rank, self.initial, self.dropout = rank, initial, dropout
        self.targets, self.keep = targets, keep

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        names = adaptable_linear_layers(model, self.targets, "vera")
        shapes = [model.get_submodule(name).get_parameter("weight").shape for name in names]
        shared = self.rank * (max(a for a, _ in shapes) + max(b for _, b in shapes))
        if excess := memory_excess(4 * shared):
            raise ConfigError(f"finetune.rank: matrices of {self.rank} rows take {excess}")
        peft = import_peft()

        def inject() -> None:
            config = peft.VeraConfig(
                r=self.rank,
                d_initial=self.initial,
                vera_dropout=self.dropout,
                target_modules=exact_pattern(names),
                save_projection=False,  # drawn again, of a fixed seed
            )
            peft.VeraModel(model, config, "default")

        return inject_adapters(model, inject)
