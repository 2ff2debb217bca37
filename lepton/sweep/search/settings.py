"""How a search goes about it, read from hydra.sweeper and held to sense."""

from dataclasses import dataclass
from typing import Any

from lepton.config.node_checks import key_problems
from lepton.config.signature import TargetError, read_signature
from lepton.errors import ConfigError, did_you_mean
from lepton.metric.direction import LARGER_IS_BETTER
from lepton.storage.results import Result

FACTS = {"score": True, "parameters": False, "trainable": False, "seconds": False, "epochs": False}
WAYS = ("maximize", "minimize")
HERE = "hydra.sweeper"
ONE = ("CmaEsSampler",)  # samplers of one objective
NUMBERS = ("CmaEsSampler", "QMCSampler")  # samplers that leave choices to chance


@dataclass(frozen=True)
class Objective:
    """A name in a run's result that trials are judged by."""

    name: str
    direction: str

    def value(self, result: Result) -> float:
        """Raises: ConfigError when the result holds no such metric."""
        if self.name in FACTS:
            return float(getattr(result, self.name))
        if self.name not in result.metrics:
            have = ", ".join(m for m in result.metrics if m.startswith("val/"))
            raise ConfigError(f"{HERE}.objectives: {result.run} has no {self.name!r} (has: {have})")
        return float(result.metrics[self.name])


@dataclass(frozen=True)
class Settings:
    """Every value of hydra.sweeper but the space."""

    n_trials: int
    batch: int
    seeds: int
    objectives: tuple[Objective, ...]
    retry_failed: bool
    sampler: dict[str, Any]
    pruner: dict[str, Any]  # empty: nothing is pruned

    @property
    def named(self) -> str:
        return self.sampler["_target_"].rpartition(".")[2]


def read_settings(node: dict[str, Any]) -> Settings:
    """The settings of plain values.

    Raises: ConfigError with every mistake.
    """
    problems = [
        f"{HERE}.{name}: {node[name]!r} is not a whole number of at least 1"
        for name in ("n_trials", "batch", "seeds")
        if type(node[name]) is not int or node[name] < 1
    ]
    problems += [
        f"{HERE}.{name}: {node[name]!r} is not true or false"
        for name in ("retry_failed", "fail_fast")
        if type(node[name]) is not bool
    ]
    objectives, wrong = _objectives(node["objectives"], node["directions"])
    problems += wrong + _made("sampler", node["sampler"], ("search_space",))
    if node["pruner"] != {}:
        problems += _made("pruner", node["pruner"], ())
    if not problems:
        problems = _together(node, objectives)
    if problems:
        raise ConfigError(*problems)
    kept = {k: node[k] for k in ("n_trials", "batch", "seeds", "retry_failed", "sampler", "pruner")}
    return Settings(objectives=objectives, **kept)


def _objectives(names: Any, directions: Any) -> tuple[tuple[Objective, ...], list[str]]:
    """The objectives, and a line for each mistake in them."""
    where = f"{HERE}.objectives"
    if not isinstance(names, list) or not names or len({*map(str, names)}) < len(names):
        return (), [f"{where}: {names!r} is not a list of different names, as [score]"]
    problems = [_not_an_objective(where, str(name)) for name in names]
    problems = [line for line in problems if line]
    if directions is None:
        ways = ["maximize" if _larger(str(name)) else "minimize" for name in names]
    elif isinstance(directions, list) and len(directions) == len(names):
        ways = directions
        problems += [
            f"{HERE}.directions: {way!r} is not maximize or minimize"
            for way in ways
            if way not in WAYS
        ]
    else:
        return (), [*problems, f"{HERE}.directions: give one for each objective, or null"]
    return tuple(Objective(str(n), w) for n, w in zip(names, ways, strict=True)), problems


def _not_an_objective(where: str, name: str) -> str | None:
    split, _, metric = name.rpartition("/")
    if name in FACTS or (split == "val" and metric in LARGER_IS_BETTER):
        return None
    if split == "test":
        return f"{where}: {name}: a search never looks at the test split; use val/{metric}"
    known = [*FACTS, *(f"val/{m}" for m in LARGER_IS_BETTER)]
    hint = (
        f"; did you mean 'val/{name}'?" if name in LARGER_IS_BETTER else did_you_mean(name, known)
    )
    return f"{where}: no such objective {name!r}{hint} ({', '.join(FACTS)}, or val/METRIC)"


def _larger(name: str) -> bool:
    return FACTS.get(name, LARGER_IS_BETTER.get(name.removeprefix("val/"), True))


def _made(kind: str, node: Any, supplied: tuple[str, ...]) -> list[str]:
    """A line for each key of a sampler's or pruner's that Optuna's class would not take."""
    where = f"{HERE}.{kind}"
    if not isinstance(node, dict) or not str(node.get("_target_")).startswith(f"optuna.{kind}s."):
        return [f"{where}: {node!r} is not an option; choose one with hydra/sweeper/{kind}=NAME"]
    values = {k: v for k, v in node.items() if k != "_target_"}
    if kind == "sampler" and type(node.get("seed")) is not int:
        return [
            f"{where}.seed: {node.get('seed')!r} is not a whole number, without which a search "
            "that was killed cannot go on with the same trials"
        ]
    try:
        found = read_signature(node["_target_"])
    except TargetError:
        return []  # not installed, which is told when it is used
    return key_problems(f"{where}.", values, found, node["_target_"].rpartition(".")[2], supplied)


def _together(node: dict[str, Any], objectives: tuple[Objective, ...]) -> list[str]:
    """A line for each pair of settings that cannot go together."""
    problems, several = [], len(objectives) > 1
    if several and node["sampler"]["_target_"].endswith(ONE):
        problems.append(f"{HERE}.objectives: hydra/sweeper/sampler=cmaes takes one; use nsgaii")
    if node["pruner"]:
        if node["seeds"] > 1:
            problems.append(
                f"{HERE}.seeds: with several seeds a trial nothing is pruned; use seeds=1 or "
                "hydra/sweeper/pruner=none"
            )
        if [o.name for o in objectives] != ["score"]:
            problems.append(
                f"{HERE}.objectives: pruning compares the score of each epoch; use "
                "objectives=[score] or hydra/sweeper/pruner=none"
            )
    return problems
