"""Settings of a search, read from hydra.sweeper and checked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lepton.config.node_checks import key_problems
from lepton.config.signature import TargetError, read_signature
from lepton.errors import ConfigError, did_you_mean
from lepton.metric.direction import LARGER_IS_BETTER, is_of_test
from lepton.storage.results import Result
from lepton.sweep.budget import read_budget

LARGER_FACT_IS_BETTER = {  # facts of a result that can be objectives besides its metrics
    "score": True,
    "parameters": False,
    "trainable": False,
    "seconds": False,
    "epochs": False,
}
Directions = Mapping[str, bool | None]  # of metrics: is larger better? None: only their class says
DIRECTIONS = ("maximize", "minimize")
NODE = "hydra.sweeper"
CONSTRAINT = re.compile(
    r"\s*([^\s<>=]+)\s*(<=|>=)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*", re.ASCII
)
SINGLE_OBJECTIVE_SAMPLERS = ("CmaEsSampler",)
NUMERIC_SAMPLERS = ("CmaEsSampler", "QMCSampler")  # which leave choices to chance


@dataclass(frozen=True)
class Objective:
    """A name in a run's result that trials are judged by."""

    name: str
    direction: str

    def value(self, result: Result) -> float:
        """The value of the objective in a result.

        Raises: ConfigError when the result holds no such metric.
        """
        if self.name in LARGER_FACT_IS_BETTER:
            return float(getattr(result, self.name))
        if self.name not in result.metrics:
            names = ", ".join(m for m in result.metrics if m.startswith("val/"))
            raise ConfigError(
                f"{NODE}.objectives: {result.run} has no {self.name!r} (has: {names})"
            )
        return float(result.metrics[self.name])


@dataclass(frozen=True)
class Constraint:
    """A bound on what a run comes to: at most, or at least where its name is to be large."""

    name: Objective
    bound: float

    def violation(self, value: float) -> float:
        """How far a value lies beyond the bound; 0 or less where it is kept."""
        is_upper = self.name.direction == "minimize"
        return value - self.bound if is_upper else self.bound - value

    def __str__(self) -> str:
        sign = "<=" if self.name.direction == "minimize" else ">="
        return f"{self.name.name} {sign} {self.bound:g}"


@dataclass(frozen=True)
class SearchSettings:
    """Every value of hydra.sweeper but the space."""

    n_trials: int
    batch: int
    seeds: int
    objectives: tuple[Objective, ...]
    retry_failed: bool
    warm_start: bool
    sampler: dict[str, Any]
    pruner: dict[str, Any]  # empty: nothing is pruned
    constraints: tuple[Constraint, ...] = ()
    patience: int | None = None  # trials without a gain
    budget: float | None = None  # seconds
    storage: str | None = None  # of Optuna's, that trials are copied to

    @property
    def sampler_name(self) -> str:
        """The name of Optuna's class, as TPESampler."""
        return self.sampler["_target_"].rpartition(".")[2]


def read_settings(node: dict[str, Any], added_metrics: Directions | None) -> SearchSettings:
    """The settings in hydra.sweeper, given as plain values.

    `added_metrics` are those that the runs add to lepton's own; None where only their code knows.
    Raises: ConfigError with every mistake.
    """
    problems = [
        f"{NODE}.{name}: {node[name]!r} is not a whole number of at least 1"
        for name in ("n_trials", "batch", "seeds")
        if type(node[name]) is not int or node[name] < 1
    ]
    problems += _limit_problems(node)
    if (storage := node["storage"]) is not None and not (isinstance(storage, str) and storage):
        problems.append(
            f"{NODE}.storage: {storage!r} is neither null nor a URL, as sqlite:///search.db, "
            "nor the path of a journal"
        )
    problems += [
        f"{NODE}.{name}: {node[name]!r} is not true or false"
        for name in ("retry_failed", "fail_fast", "warm_start")
        if type(node[name]) is not bool
    ]
    objectives, objective_problems = _read_objectives(
        node["objectives"], node["directions"], added_metrics
    )
    problems += objective_problems
    constraints = _read_constraints(node.get("constraints") or [], added_metrics, problems)
    problems += _option_problems("sampler", node["sampler"], ("search_space",))
    if node["pruner"] != {}:
        problems += _option_problems("pruner", node["pruner"], ())
    if not problems:
        problems = _combination_problems(node, objectives)
    if problems:
        raise ConfigError(*problems)
    names = ("n_trials", "batch", "seeds", "retry_failed", "warm_start", "sampler", "pruner")
    values = {name: node[name] for name in (*names, "patience", "storage")}
    values["budget"] = read_budget(node["budget"])
    return SearchSettings(objectives=objectives, constraints=constraints, **values)


def _limit_problems(node: dict[str, Any]) -> list[str]:
    """A line for each limit of a search that is none."""
    patience, problems = node["patience"], list[str]()
    if patience is not None and (type(patience) is not int or patience < 1):
        problems.append(f"{NODE}.patience: {patience!r} is neither null nor a whole number from 1")
    try:
        read_budget(node["budget"])
    except ConfigError as e:
        problems += e.problems
    return problems


def _read_constraints(
    value: Any, added_metrics: Directions | None, problems: list[str]
) -> tuple[Constraint, ...]:
    """The constraints on what runs come to; adds a line for each mistake."""
    key, constraints = f"{NODE}.constraints", []
    for text in value if isinstance(value, list) else [value]:
        match = CONSTRAINT.fullmatch(str(text))
        if match is None:
            problems.append(
                f"{key}: {text!r} is not NAME <= NUMBER or NAME >= NUMBER, as parameters <= 1e5"
            )
        elif problem := _objective_problem(key, match[1], added_metrics):
            problems.append(problem)
        else:
            objective = Objective(match[1], "minimize" if match[2] == "<=" else "maximize")
            constraints.append(Constraint(objective, float(match[3])))
    return tuple(constraints)


def _read_objectives(
    names: Any, directions: Any, added_metrics: Directions | None
) -> tuple[tuple[Objective, ...], list[str]]:
    """The objectives, and a line for each mistake in them."""
    key = f"{NODE}.objectives"
    if not isinstance(names, list) or not names or len({*map(str, names)}) < len(names):
        return (), [f"{key}: {names!r} is not a list of different names, as [score]"]
    problems = [_objective_problem(key, str(name), added_metrics) for name in names]
    problems = [problem for problem in problems if problem]
    if directions is None and not problems:
        larger = {name: _is_larger_better(name, added_metrics or {}) for name in map(str, names)}
        problems = [
            f"{NODE}.directions: nothing says whether {name} is to be large; give one for each "
            "objective, as [minimize]"
            for name, is_larger_better in larger.items()
            if is_larger_better is None
        ]
        directions = ["maximize" if larger[str(name)] else "minimize" for name in names]
    elif directions is None:
        return (), problems
    elif isinstance(directions, list) and len(directions) == len(names):
        problems += [
            f"{NODE}.directions: {direction!r} is not maximize or minimize"
            for direction in directions
            if direction not in DIRECTIONS
        ]
    else:
        return (), [*problems, f"{NODE}.directions: give one for each objective, or null"]
    pairs = zip(names, directions, strict=True)
    return tuple(Objective(str(name), direction) for name, direction in pairs), problems


def _objective_problem(key: str, name: str, added_metrics: Directions | None) -> str | None:
    """The mistake in the name of an objective, or None."""
    split, _, metric = name.rpartition("/")
    is_known = added_metrics is None or metric in {**LARGER_IS_BETTER, **added_metrics}
    if name in LARGER_FACT_IS_BETTER or (split == "val" and is_known):
        return None
    if is_of_test(name):
        return f"{key}: {name}: a search never looks at the test split; use val/{metric}"
    if name in LARGER_IS_BETTER:
        hint = f"; did you mean 'val/{name}'?"
    else:
        metrics = {**LARGER_IS_BETTER, **(added_metrics or {})}
        hint = did_you_mean(name, [*LARGER_FACT_IS_BETTER, *(f"val/{m}" for m in metrics)])
    facts = ", ".join(LARGER_FACT_IS_BETTER)
    return f"{key}: no such objective {name!r}{hint} ({facts}, or val/METRIC)"


def _is_larger_better(name: str, added_metrics: Directions) -> bool | None:
    """The direction of an objective; None where nothing says it."""
    known = {**added_metrics, **LARGER_IS_BETTER}
    return LARGER_FACT_IS_BETTER.get(name, known.get(name.removeprefix("val/")))


def _option_problems(kind: str, node: Any, supplied: tuple[str, ...]) -> list[str]:
    """A line for each key of a sampler's or pruner's that Optuna's class would not take."""
    key = f"{NODE}.{kind}"
    if not isinstance(node, dict) or not str(node.get("_target_")).startswith(f"optuna.{kind}s."):
        return [f"{key}: {node!r} is not an option; choose one with hydra/sweeper/{kind}=NAME"]
    values = {k: v for k, v in node.items() if k != "_target_"}
    if kind == "sampler" and type(node.get("seed")) is not int:
        return [
            f"{key}.seed: {node.get('seed')!r} is not a whole number, without which a search "
            "that was killed cannot go on with the same trials"
        ]
    try:
        signature = read_signature(node["_target_"])
    except TargetError:
        return []  # not installed, which is told when it is used
    name = node["_target_"].rpartition(".")[2]
    return key_problems(f"{key}.", values, signature, name, supplied)


def _combination_problems(node: dict[str, Any], objectives: tuple[Objective, ...]) -> list[str]:
    """A line for each pair of settings that cannot go together."""
    problems = []
    if len(objectives) > 1 and node["sampler"]["_target_"].endswith(SINGLE_OBJECTIVE_SAMPLERS):
        problems.append(f"{NODE}.objectives: hydra/sweeper/sampler=cmaes takes one; use nsgaii")
    if node["pruner"]:
        if node["seeds"] > 1:
            problems.append(
                f"{NODE}.seeds: with several seeds a trial nothing is pruned; use seeds=1 or "
                "hydra/sweeper/pruner=none"
            )
        if [o.name for o in objectives] != ["score"]:
            problems.append(
                f"{NODE}.objectives: pruning compares the score of each epoch; use "
                "objectives=[score] or hydra/sweeper/pruner=none"
            )
    return problems
