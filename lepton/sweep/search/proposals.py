"""What to try next: an Optuna study in memory, asked and told; the only module that runs Optuna."""

import math
import sys
import warnings
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lepton.compat.optional import how_to_install, import_optional
from lepton.errors import ConfigError, LeptonError
from lepton.sweep.search.space import Space

NAME = "lepton"  # part of what Hyperband draws from
NEEDED = {  # what Optuna imports only in the middle of a search
    "CmaEsSampler": ("cmaes",),
    "GPSampler": ("scipy", "torch"),  # torch also so that `quiet` knows of its threads
    "QMCSampler": ("scipy",),
}


@dataclass(frozen=True)
class Proposal:
    """A point of the space, and its number in the order of asking."""

    number: int
    params: dict[str, Any]


class Proposals:
    """Asks for points of a space and is told what came of them; equal words, equal proposals."""

    def __init__(self, space: Space, *, sampler: dict[str, Any], directions: Sequence[str]):
        with quiet():
            import optuna

            self.study = optuna.create_study(
                study_name=NAME,
                directions=list(directions),
                sampler=_sampler(sampler, space),
                pruner=optuna.pruners.NopPruner(),  # pruned elsewhere, by Watch
            )
            self.distributions = {k: d.distribution() for k, d in space.dimensions.items()}
            self.trials = []

    def ask(self, count: int) -> list[Proposal]:
        with quiet():
            asked = [self.study.ask(self.distributions) for _ in range(count)]
        self.trials += asked
        return [Proposal(trial.number, trial.params) for trial in asked]

    def tell(
        self, number: int, status: str, values: Sequence[float], scores: Sequence[float]
    ) -> None:
        """The end of a trial; `scores` by epoch, of a trial that was watched."""
        from optuna.trial import TrialState

        from lepton.compat.optuna import without_end_of_search

        states = {"finished": TrialState.COMPLETE, "pruned": TrialState.PRUNED}
        state = states.get(status, TrialState.FAIL)
        with quiet(), without_end_of_search():
            for epoch, score in enumerate(scores, 1):
                self.trials[number].report(score, epoch)
            known = list(values) if state == TrialState.COMPLETE else None
            self.study.tell(self.trials[number], known, state=state)

    def best(self) -> list[int]:
        """The numbers of the best trial, or of all on the Pareto front; [] when none finished."""
        with quiet():
            return sorted(trial.number for trial in self.study.best_trials)


@contextmanager
def quiet():
    """Optuna without its log, its warnings, or more than one thread: sums do not depend on it.

    Raises: LeptonError when Optuna is not installed.
    """
    optuna = import_optional("optuna", needed_by="hydra/sweeper=search")
    from threadpoolctl import threadpool_limits

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else 1
    try:
        with warnings.catch_warnings(), threadpool_limits(1):
            warnings.simplefilter("ignore")
            if torch:
                torch.set_num_threads(1)
            yield
    finally:
        optuna.logging.set_verbosity(before)
        if torch:
            torch.set_num_threads(threads)


def most(space: Space, sampler: dict[str, Any]) -> float:
    """How many different trials a sampler has: the grid's size, else no end."""
    if not sampler["_target_"].endswith(".GridSampler"):
        return math.inf
    return math.prod(len(d.grid()) for d in space.dimensions.values())


def _sampler(node: dict[str, Any], space: Space):
    supplied = {}
    if node["_target_"].endswith(".GridSampler"):
        supplied = {"search_space": {k: d.grid() for k, d in space.dimensions.items()}}
    return _made("sampler", node, **supplied)


def pruner(node: dict[str, Any]):
    """Optuna's pruner of a node that names one."""
    return _made("pruner", node)


def _made(kind: str, node: dict[str, Any], **supplied):
    """The sampler or pruner of Optuna's that a node of the config names.

    Raises: ConfigError when it refuses its values, LeptonError when a package is missing.
    """
    import importlib

    module, _, name = node["_target_"].rpartition(".")
    values = {k: v for k, v in node.items() if k != "_target_"}
    try:
        for package in NEEDED.get(name, ()):
            import_optional(package, needed_by=name)
        return getattr(importlib.import_module(module), name)(**supplied, **values)
    except ImportError as e:
        raise LeptonError(f"{name}: {e}; {how_to_install('sweeps')}") from None
    except (ValueError, TypeError) as e:
        said = " ".join(str(e).split())
        raise ConfigError(f"hydra.sweeper.{kind}: {name} refuses its values: {said}") from None
