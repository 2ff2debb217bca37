"""The phases of a strategy that tunes by pairs of rows before it trains the head."""

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from torch import nn

from lepton.dataset.data import Data
from lepton.finetune.machinery.backbone_features import FeatureData, computed_features
from lepton.finetune.machinery.head_probe import HeadProbe
from lepton.finetune.machinery.linear_probe_baseline import (
    ProbeSettings,
    folds_of_probe,
    linear_probe,
)
from lepton.finetune.machinery.pair_data import PairData
from lepton.finetune.machinery.part_config import part_config
from lepton.finetune.machinery.probing import Start, begin_with
from lepton.method import Phase, overrides

if TYPE_CHECKING:
    from lepton.training.network import Network


@runtime_checkable
class PairsFirst(Protocol):
    """A strategy whose first phase tunes by pairs of rows what lies below the head.

    `rounds`: how often the pairs go over the rows, in batches of `pair_batch_size`. `head_lr` is
    the rate of the head, `standardize` and `start` as those of TrainsHeadAlone.
    """

    rounds: int
    pair_batch_size: int
    head_lr: float
    standardize: bool
    start: Start

    def thaw(self, model: nn.Module) -> None:
        """Makes trainable what the second phase trains."""
        ...


def pair_phases(
    network: "Network", strategy: PairsFirst, data: Data, *, starts_learned: bool
) -> list[Phase]:
    """The pairs, all rounds of which are one epoch, then the head on what these have tuned.

    Methods with a loss of their own, which is that of predictions, act in the second alone.
    """
    model, config, first_method, *others = network.model, network.config, *network.methods
    lr, epochs = config["optimizer"]["lr"], config["trainer"]["max_epochs"]
    pairs = Phase(
        model,
        PairData(data, rounds=strategy.rounds, batch_size=strategy.pair_batch_size),
        part_config(config, lr=lr, epochs=1, is_head_alone=False),
        name="pairs-",
        methods=[first_method, *(m for m in others if not overrides(type(m), "loss"))],
    )

    def begin(phase: Phase) -> None:
        strategy.thaw(model)
        splits = computed_features(data, network.features)
        if strategy.start == "probe":
            settings = ProbeSettings(**config["linear_probe"])
            probe = linear_probe(
                splits, network.task, None, settings, folds=folds_of_probe(config, data)
            )
            assert probe.head is not None  # of a task with classes
            phase.starts_learned |= begin_with(probe.head, model, network.task)
        features = splits["train"]["features"] if strategy.standardize else None
        phase.module, phase.data = HeadProbe(model, features), FeatureData(data, splits)

    of_head = part_config(config, lr=strategy.head_lr, epochs=epochs, is_head_alone=True)
    return [pairs, Phase(model, data, of_head, starts_learned=starts_learned, begin=begin)]
