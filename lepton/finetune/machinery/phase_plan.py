"""The phases of a training, each made by the plan that its strategy gives."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from torch import nn

from lepton.dataset.data import Data
from lepton.errors import ConfigError
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
from lepton.finetune.machinery.part_config import part_config
from lepton.finetune.machinery.probing import begin_with
from lepton.method import Method, Phase, overrides

if TYPE_CHECKING:
    from lepton.training.network import Network

log = logging.getLogger("lepton")


@dataclass(frozen=True)
class TrainingStart:
    """A network before the first of its phases, and what is known of it then.

    `splits`: features of the data; None where layers below the head are made new, which change
    them. `begin_with_probe` gives the head the weights of the best linear one on them, where none
    that is as good was loaded; False where it begins as neither.
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

    def first(self, start: TrainingStart) -> Phase:
        """The phase as the first of a training, with the config of the run."""
        return Phase(start.network.model, start.data, start.network.config)

    def later(self, start: TrainingStart) -> Phase:
        """The phase after another."""
        return self.first(start)

    def takes_features(self, start: TrainingStart, *, is_first: bool) -> bool:
        """True where the head is trained on features that are computed ahead."""
        return False


@dataclass(frozen=True, kw_only=True)
class HeadPlan(PhasePlan):
    """A phase that trains the head alone, on features of what lies below it.

    `standardize`: a linear head is trained on features of mean 0 and deviation 1.
    `begins_with_probe`: it begins as the best one of scikit-learn's.
    """

    is_head_alone: ClassVar[bool] = True

    standardize: bool
    begins_with_probe: bool = False

    def first(self, start: TrainingStart) -> Phase:
        phase = super().first(start)
        if start.splits is None:
            log.info("layers are made new below the head: features are not computed ahead")
            return phase
        phase.starts_chosen = self.begins_with_probe and start.begin_with_probe()
        phase.starts_learned = phase.starts_chosen
        self._put_features(phase, start, start.splits)
        return phase

    def later(self, start: TrainingStart) -> Phase:
        network = start.network

        def begin(phase: Phase) -> None:
            splits = computed_features(start.data, network.features)
            if self.begins_with_probe:
                phase.starts_learned |= _begin_with_probe_of(network, start.data, splits)
            self._put_features(phase, start, splits)

        return Phase(network.model, start.data, network.config, begin=begin)

    def takes_features(self, start: TrainingStart, *, is_first: bool) -> bool:
        return not is_first or start.splits is not None

    def _put_features(self, phase: Phase, start: TrainingStart, splits: FeatureSplits) -> None:
        features = splits["train"]["features"] if self.standardize else None
        phase.module = HeadProbe(start.network.model, features)
        phase.data = FeatureData(start.data, splits)


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

    def first(self, start: TrainingStart) -> Phase:
        phase = super().first(start)
        strategy, *others = start.network.methods
        phase.methods = [strategy, *(m for m in others if not overrides(type(m), "loss"))]
        phase.data = PairData(start.data, rounds=self.rounds, batch_size=self.batch_size)
        return phase


def _begin_with_probe_of(network: "Network", data: Data, splits: FeatureSplits) -> bool:
    """Gives the head the weights of the best linear one on features of what was tuned, where it is
    a linear layer of classes; True where it did."""
    settings = ProbeSettings(**network.config["linear_probe"])
    folds = folds_of_probe(network.config, data)
    probe = linear_probe(splits, network.task, None, settings, folds=folds)
    return probe.head is not None and begin_with(probe.head, network.model, network.task)


def plans_of(strategy: Method) -> Sequence[PhasePlan]:
    """What a strategy says of its phases; where it says nothing, one of the whole network, or of
    the head where it `probes`.

    Raises: ConfigError when `probes` says otherwise, or lacks `standardize`.
    """
    plans, name = tuple(strategy.phases()), type(strategy).__name__
    if not plans:
        return (_head_plan(strategy) if strategy.probes else PhasePlan(),)
    if strategy.probes != all(plan.is_head_alone for plan in plans):
        raise ConfigError(
            f"finetune: {name} has `probes = {strategy.probes}`, which is to be True where all of "
            "its phases train the head alone, and nowhere else"
        )
    return plans


def _head_plan(strategy: Method) -> HeadPlan:
    standardize = getattr(strategy, "standardize", None)
    if standardize is None:
        raise ConfigError(f"finetune: {type(strategy).__name__} probes and has no `standardize`")
    with_probe = getattr(strategy, "start", None) == "probe"
    return HeadPlan(standardize=standardize, begins_with_probe=with_probe)


def planned_phases(
    plans: Sequence[PhasePlan], start: TrainingStart, *, starts_learned: bool
) -> list[Phase]:
    """The phases in order, each but the last with checkpoints of its own.

    `starts_learned`: whether no weight is random before the first. After a phase that trains the
    head none is; what pairs move is no start that may be kept.
    """
    phases: list[Phase] = []
    for number, plan in enumerate(plans, 1):
        is_first, is_last = number == 1, number == len(plans)
        phase = plan.first(start) if is_first else plan.later(start)
        phase.name = "" if is_last else f"phase{number}-"
        phase.starts_learned = plan.trains_head and (starts_learned or phase.starts_learned)
        starts_learned = starts_learned or plan.trains_head
        if not is_last or plan.lr is not None or plan.epochs is not None:
            on_features = plan.takes_features(start, is_first=is_first)
            phase.config = part_config(
                phase.config, lr=plan.lr, epochs=plan.epochs, is_head_alone=on_features
            )
        phase.begin = partial(_begin, plan, start.network.model, phase.begin)
        phases.append(phase)
    return phases


def _begin(
    plan: PhasePlan, model: nn.Module, then: Callable[[Phase], None] | None, phase: Phase
) -> None:
    if plan.begin is not None:
        plan.begin(model)
    if then is not None:
        then(phase)
