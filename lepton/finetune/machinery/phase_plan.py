"""What a strategy says of the phases of its training: each plan makes one of them."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from torch import nn

from lepton.dataset.data import Data
from lepton.finetune.machinery.backbone_features import (
    FeatureData,
    FeatureSplits,
    computed_features,
)
from lepton.finetune.machinery.head_probe import HeadProbe
from lepton.finetune.machinery.linear_probe_baseline import (
    ProbeSettings,
    folds_of_probe,
    linear_probe,
)
from lepton.finetune.machinery.pair_data import PairData
from lepton.finetune.machinery.probing import Start, begin_with
from lepton.method import Phase, overrides

if TYPE_CHECKING:
    from lepton.training.network import Network

log = logging.getLogger("lepton")


@dataclass(frozen=True)
class Untuned:
    """A network before its tuning, and what is known of it then.

    `splits`: features of the data; None where layers below the head are made new, which change
    them. `begin_with_probe` gives the head the weights of the best linear one on them, and says
    whether it did.
    """

    network: "Network"
    data: Data
    splits: FeatureSplits | None
    begin_with_probe: Callable[[], bool]


@dataclass(frozen=True, kw_only=True)
class PhasePlan:
    """A phase that trains of the whole network what is trainable.

    `lr`, `epochs`: None for `optimizer.lr` and `trainer.max_epochs`. `begin` is called with the
    model before the phase, once the one before is over, and makes trainable what it trains.
    """

    trains_head: ClassVar[bool] = True
    is_head_alone: ClassVar[bool] = False

    lr: float | None = None
    epochs: int | None = None
    begin: Callable[[nn.Module], None] | None = None

    def first(self, untuned: Untuned) -> Phase:
        """The phase as the first of a training, with the config of the run."""
        return Phase(untuned.network.model, untuned.data, untuned.network.config)

    def later(self, untuned: Untuned) -> Phase:
        """The phase after another."""
        return self.first(untuned)


@dataclass(frozen=True, kw_only=True)
class HeadPlan(PhasePlan):
    """A phase that trains the head alone, on features of what lies below it.

    `standardize`: a linear head is trained on features of mean 0 and deviation 1. `start`: with
    "probe", a linear head begins as the best one of scikit-learn's.
    """

    is_head_alone: ClassVar[bool] = True

    standardize: bool
    start: Start = None

    def first(self, untuned: Untuned) -> Phase:
        if untuned.splits is None:
            log.info("layers are made new below the head: features are not computed ahead")
            return super().first(untuned)
        phase = Phase(untuned.network.model, untuned.data, untuned.network.config)
        phase.starts_learned = self.start == "probe" and untuned.begin_with_probe()
        self._put_features(phase, untuned, untuned.splits)
        return phase

    def later(self, untuned: Untuned) -> Phase:
        network = untuned.network

        def begin(phase: Phase) -> None:
            splits = computed_features(untuned.data, network.features)
            if self.start == "probe":
                phase.starts_learned |= _begin_with_probe_of(network, untuned.data, splits)
            self._put_features(phase, untuned, splits)

        return Phase(HeadProbe(network.model), untuned.data, network.config, begin=begin)

    def _put_features(self, phase: Phase, untuned: Untuned, splits: FeatureSplits) -> None:
        features = splits["train"]["features"] if self.standardize else None
        phase.module = HeadProbe(untuned.network.model, features)
        phase.data = FeatureData(untuned.data, splits)


@dataclass(frozen=True, kw_only=True)
class PairPlan(PhasePlan):
    """A phase that tunes what lies below the head by pairs of rows, of which the strategy has the
    `loss`; an epoch goes `rounds` times over the rows.

    Methods with a loss of their own, which is that of predictions, do not act in it.
    """

    trains_head: ClassVar[bool] = False

    epochs: int | None = 1
    rounds: int
    batch_size: int

    def first(self, untuned: Untuned) -> Phase:
        phase = super().first(untuned)
        strategy, *others = untuned.network.methods
        phase.methods = [strategy, *(m for m in others if not overrides(type(m), "loss"))]
        phase.data = PairData(untuned.data, rounds=self.rounds, batch_size=self.batch_size)
        return phase


def _begin_with_probe_of(network: "Network", data: Data, splits: FeatureSplits) -> bool:
    """Gives the head the weights of the best linear one on features of what was tuned, where it is
    a linear layer of classes; True where it did."""
    settings = ProbeSettings(**network.config["linear_probe"])
    folds = folds_of_probe(network.config, data)
    probe = linear_probe(splits, network.task, None, settings, folds=folds)
    return probe.head is not None and begin_with(probe.head, network.model, network.task)
