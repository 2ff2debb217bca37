"""The phases of a training, made of what its strategy says of them."""

from collections.abc import Callable, Sequence
from functools import partial

from torch import nn

from lepton.errors import ConfigError
from lepton.finetune.machinery.part_config import part_config
from lepton.finetune.machinery.phase_plan import HeadPlan, PhasePlan, Untuned
from lepton.method import Method, Phase


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
    return HeadPlan(standardize=standardize, start=getattr(strategy, "start", None))


def planned_phases(
    plans: Sequence[PhasePlan], untuned: Untuned, *, starts_learned: bool
) -> list[Phase]:
    """The phases in order, each but the last with checkpoints of its own.

    `starts_learned`: whether no weight is random before the first. After a phase that trains the
    head none is; what pairs move is no start that may be kept.
    """
    phases: list[Phase] = []
    for number, plan in enumerate(plans, 1):
        phase = plan.later(untuned) if phases else plan.first(untuned)
        is_last = number == len(plans)
        phase.name = "" if is_last else f"phase{number}-"
        phase.starts_learned = plan.trains_head and (starts_learned or phase.starts_learned)
        starts_learned = starts_learned or plan.trains_head
        if not is_last or plan.lr is not None or plan.epochs is not None:
            is_head_alone = phase.module is not untuned.network.model
            phase.config = part_config(
                phase.config, lr=plan.lr, epochs=plan.epochs, is_head_alone=is_head_alone
            )
        phase.begin = partial(_begin, plan, untuned.network.model, phase.begin)
        phases.append(phase)
    return phases


def _begin(
    plan: PhasePlan, model: nn.Module, then: Callable[[Phase], None] | None, phase: Phase
) -> None:
    if plan.begin is not None:
        plan.begin(model)
    if then is not None:
        then(phase)
