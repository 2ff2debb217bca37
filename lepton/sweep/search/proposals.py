"""Proposals of trials: an Optuna study in memory, asked and told; the only module that runs it."""

import math
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lepton.compat.optional import how_to_install, import_optional
from lepton.errors import ConfigError, LeptonError
from lepton.sweep.search.space import Dimension, SearchSpace
from lepton.sweep.search.warm_start import ToldRun

if TYPE_CHECKING:
    import optuna
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.study import StudyDirection
    from threadpoolctl import ThreadpoolController

Applies = Callable[[dict[str, Any], str], bool]  # of the values so far and a key
STUDY_NAME = "lepton"  # part of what Hyperband draws from
CONSTRAINED = ("TPESampler", "GPSampler", "NSGAIISampler")  # samplers that heed constraints
LATE_IMPORTS = {  # packages that Optuna imports only in the middle of a search
    "CmaEsSampler": ("cmaes",),
    "GPSampler": ("scipy", "torch"),  # torch also so that `quiet_optuna` knows of its threads
    "QMCSampler": ("scipy",),
}


@dataclass(frozen=True)
class Proposal:
    """A point of the space, and its number in the order of asking."""

    number: int
    params: dict[str, Any]


class Proposals:
    """Asks Optuna for points of a space and tells it what came of them, the same at every start."""

    def __init__(
        self,
        space: SearchSpace,
        *,
        sampler: dict[str, Any],
        directions: Sequence[str],
        told: Sequence[ToldRun] = (),
        constraints: int = 0,
    ):
        with quiet_optuna():
            import optuna

            self.space = space
            self.distributions = {k: d.distribution() for k, d in space.dimensions.items()}
            earlier_trials = self._earlier_trials(told)
            is_cmaes = sampler["_target_"].endswith(".CmaEsSampler")
            self.offset = 0 if is_cmaes else len(earlier_trials)
            self.violations, no_violations = dict[int, Sequence[float]](), [0.0] * constraints

            def constraints_func(trial: "optuna.trial.FrozenTrial") -> Sequence[float]:
                return self.violations.get(trial.number - self.offset) or no_violations

            self.study = optuna.create_study(
                study_name=STUDY_NAME,
                directions=study_directions(directions),
                sampler=_make_sampler(
                    sampler,
                    space,
                    source_trials=earlier_trials if is_cmaes else [],
                    constraints_func=constraints_func if constraints else None,
                ),
                pruner=optuna.pruners.NopPruner(),  # TrialWatch prunes
            )
            self.study.add_trials([] if is_cmaes else earlier_trials)
            self.trials: list[optuna.Trial] = []

    def _earlier_trials(self, told: Sequence[ToldRun]) -> "list[optuna.trial.FrozenTrial]":
        """The runs that were there before the search, as trials of Optuna's."""
        from lepton.compat.optuna import told_trial

        return [
            told_trial(
                run.params,
                {key: self.distributions[key] for key in run.params},
                run.values,
                run.violations,
            )
            for run in told
        ]

    def ask(self, count: int, applies: Applies | None = None) -> list[Proposal]:
        """The next proposals, as many as asked for.

        `applies` tells whether a point has a dimension that not every trial has.
        """
        always = {key: self.distributions[key] for key in self.space.unconditional()}
        with quiet_optuna():
            trials = []
            for _ in range(count):
                trials.append(self.study.ask(always))
                for key in self.space.conditions:
                    if applies is not None and applies(trials[-1].params, key):
                        _suggest(trials[-1], key, self.space.dimensions[key])
        first = len(self.trials)
        self.trials += trials
        return [Proposal(number, trial.params) for number, trial in enumerate(trials, first)]

    def tell(
        self,
        number: int,
        status: str,
        values: Sequence[float],
        scores: Sequence[float],
        violations: Sequence[float] = (),
    ) -> None:
        """Tells Optuna the end of a trial: values of the objectives, scores by epoch if any, and
        how far it violates each constraint."""
        self.violations[number] = violations
        from optuna.trial import TrialState

        from lepton.compat.optuna import without_end_of_search

        states = {"finished": TrialState.COMPLETE, "pruned": TrialState.PRUNED}
        state = states.get(status, TrialState.FAIL)
        with quiet_optuna(), without_end_of_search():
            for epoch, score in enumerate(scores, 1):
                self.trials[number].report(score, epoch)
            final_values = list(values) if state == TrialState.COMPLETE else None
            self.study.tell(self.trials[number], final_values, state=state)


def study_directions(directions: Sequence[str]) -> "list[StudyDirection]":
    """The directions of objectives as Optuna wants them."""
    from optuna.study import StudyDirection

    return [StudyDirection[direction.upper()] for direction in directions]


def best_of(values: Sequence[Sequence[float]], directions: Sequence[str]) -> list[int]:
    """The places of the best values: the first of the best ones, or all on the Pareto front."""
    with quiet_optuna():
        import optuna

        study = optuna.create_study(directions=study_directions(directions))
        study.add_trials([optuna.trial.create_trial(values=list(v)) for v in values])
        best = sorted(trial.number for trial in study.best_trials) if values else []
    return best if len(directions) > 1 else best[:1]


def _suggest(trial: "optuna.Trial", key: str, dimension: Dimension) -> None:
    """Has a trial draw one dimension more."""
    if not dimension.numeric:
        trial.suggest_categorical(key, dimension.options)
    elif isinstance(dimension.low, int):
        low, high, step = dimension.low, int(dimension.high), int(dimension.step or 1)
        trial.suggest_int(key, low, high, step=step, log=dimension.log)
    else:
        low, high, step = dimension.low, dimension.high, dimension.step
        trial.suggest_float(key, low, high, step=step, log=dimension.log)


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Runs Optuna without its log, its warnings, or more than one thread.

    Sums would depend on the number of threads, and proposals on sums.

    Raises: LeptonError when Optuna is not installed.
    """
    optuna = import_optional("optuna", needed_by="hydra/sweeper=search")
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else 1
    try:
        with warnings.catch_warnings(), _thread_pools(len(sys.modules)).limit(limits=1):
            warnings.simplefilter("ignore")
            if torch:
                torch.set_num_threads(1)
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)
        if torch:
            torch.set_num_threads(threads)


@lru_cache(maxsize=1)
def _thread_pools(modules: int) -> "ThreadpoolController":
    """The libraries that compute in threads; looked for anew where modules were imported since."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def max_trials(space: SearchSpace, sampler: dict[str, Any]) -> int | None:
    """The number of different trials that a sampler has: the grid's size, else no limit."""
    if not sampler["_target_"].endswith(".GridSampler"):
        return None
    return math.prod(len(d.grid_values()) for d in space.dimensions.values())


def _make_sampler(
    node: dict[str, Any],
    space: SearchSpace,
    *,
    source_trials: "list[optuna.trial.FrozenTrial]",
    constraints_func: "Callable[[optuna.trial.FrozenTrial], Sequence[float]] | None",
) -> "BaseSampler":
    """The sampler that a node names; `source_trials` are what CMA-ES begins with, if any, and the
    function tells a sampler that heeds constraints how far a trial violates each."""
    supplied: dict[str, Any] = {}
    if node["_target_"].endswith(".GridSampler"):
        supplied = {"search_space": {k: d.grid_values() for k, d in space.dimensions.items()}}
    if constraints_func and node["_target_"].rpartition(".")[2] in CONSTRAINED:
        supplied = {"constraints_func": constraints_func}
    if source_trials:
        supplied = {"source_trials": [_numbers_of(trial) for trial in source_trials]}
    return _instantiate("sampler", node, **supplied)


def _numbers_of(trial: "optuna.trial.FrozenTrial") -> "optuna.trial.FrozenTrial":
    """A trial without its choices and fixed numbers, which are no part of what CMA-ES models."""
    from optuna.distributions import CategoricalDistribution

    from lepton.compat.optuna import told_trial

    distributions = {
        key: distribution
        for key, distribution in trial.distributions.items()
        if not isinstance(distribution, CategoricalDistribution) and not distribution.single()
    }
    params = {key: trial.params[key] for key in distributions}
    return told_trial(params, distributions, trial.values, ())


def make_pruner(node: dict[str, Any]) -> "BasePruner":
    """The pruner of Optuna's that a node of the config names.

    Raises: ConfigError when it refuses its values, LeptonError when a package is missing.
    """
    return _instantiate("pruner", node)


def _instantiate(kind: str, node: dict[str, Any], **supplied: Any) -> Any:
    import importlib

    module, _, name = node["_target_"].rpartition(".")
    values = {k: v for k, v in node.items() if k != "_target_"}
    try:
        for package in LATE_IMPORTS.get(name, ()):
            import_optional(package, needed_by=name)
        return getattr(importlib.import_module(module), name)(**supplied, **values)
    except ImportError as e:
        raise LeptonError(f"{name}: {e}; {how_to_install('sweeps')}") from None
    except (ValueError, TypeError) as e:
        message = " ".join(str(e).split())
        raise ConfigError(f"hydra.sweeper.{kind}: {name} refuses its values: {message}") from None
