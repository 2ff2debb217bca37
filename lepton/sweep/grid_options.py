"""The keys of hydra.sweeper that say which combinations of a grid are runs, read and checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lepton.config.conditions import Condition
from lepton.errors import ConfigError
from lepton.sweep.budget import read_budget
from lepton.sweep.then import check_then

NODE = "hydra.sweeper"
REFUSE, SKIP = IMPOSSIBLE = ("refuse", "skip")  # what is done with runs that cannot be trained
EXISTS = "exists"  # in place of a condition: where the chosen option takes the key


@dataclass(frozen=True)
class GridOptions:
    """An experiment's own sweep, pairings, what is ablated, conditions, what is drawn at random of
    a grid, how much time it may use, and what is made of its runs.

    A value None in `when` stands for "where the chosen option takes the key".
    Units: `budget` is seconds.
    """

    params: Mapping[str, str] = field(default_factory=dict)
    zipped: tuple[tuple[str, ...], ...] = ()
    ablate: tuple[str, ...] = ()
    when: Mapping[str, Condition | None] = field(default_factory=dict)
    exclude: tuple[Condition, ...] = ()
    draw: int | None = None
    draw_repeats: int | None = None
    draw_seed: int = 0
    budget: float | None = None
    together: tuple[str, ...] = ()
    impossible: str = REFUSE
    then: str | None = None


def read_grid_options(node: Mapping[str, Any]) -> GridOptions:
    """The options in hydra.sweeper, given as plain values; a foreign sweeper has none of them.

    Raises: ConfigError with every mistake.
    """
    problems: list[str] = []
    for name in ("draw", "draw_repeats"):
        value = node.get(name)
        if value is not None and (type(value) is not int or value < 1):
            problems.append(f"{NODE}.{name}: {value!r} is neither null nor a whole number from 1")
    if type(seed := node.get("draw_seed", 0)) is not int:
        problems.append(f"{NODE}.draw_seed: {seed!r} is not a whole number")
    zipped = _read_zip(node.get("zip") or [], problems)
    ablate = _read_keys("ablate", node, "[regularization,augmentation]", problems)
    together = _read_keys("together", node, "[dataset.fold]", problems)
    when = read_when(node.get("when") or {}, problems)
    exclude = read_conditions("exclude", node.get("exclude") or [], problems)
    problems += _training_problems(node)
    paired = {key for keys in zipped for key in keys}
    for name, settled in (("zip", paired), ("ablate", {*ablate})):
        problems += [
            f"{NODE}.{name}: {key} stands in {NODE}.when too; leave it in one"
            for key in sorted(settled & when.keys())
        ]
    if problems:
        raise ConfigError(*problems)
    draws = {name: node.get(name) for name in ("draw", "draw_repeats")}
    return GridOptions(
        node.get("params") or {},
        zipped,
        ablate,
        when,
        exclude,
        **draws,
        draw_seed=seed,
        budget=read_budget(node.get("budget")),
        together=together,
        impossible=node.get("impossible", REFUSE),
        then=node.get("then"),
    )


def _training_problems(node: Mapping[str, Any]) -> list[str]:
    """A line for each mistake in what says which runs are trained, and what is made of them."""
    problems = []
    impossible = node.get("impossible", REFUSE)
    if impossible not in IMPOSSIBLE:
        problems.append(f"{NODE}.impossible: {impossible!r} is neither {' nor '.join(IMPOSSIBLE)}")
    try:
        read_budget(node.get("budget"))
        if node.get("then") is not None:
            check_then(node["then"])
    except ConfigError as e:
        problems += e.problems
    return problems


def _read_keys(
    name: str, node: Mapping[str, Any], example: str, problems: list[str]
) -> tuple[str, ...]:
    """The keys in a list; adds a line for what is none."""
    keys = node.get(name) or []
    if not (isinstance(keys, list) and all(isinstance(key, str) for key in keys)):
        problems.append(f"{NODE}.{name}: {keys!r} is not a list of keys, as {example}")
        return ()
    return tuple(keys)


def _read_zip(value: Any, problems: list[str]) -> tuple[tuple[str, ...], ...]:
    """The lists of keys whose values are paired; adds a line for each mistake."""
    lists = [value] if isinstance(value, list) and all(isinstance(k, str) for k in value) else value
    is_right = isinstance(lists, list) and all(
        isinstance(keys, list) and all(isinstance(key, str) for key in keys) for keys in lists
    )
    if not is_right:
        problems.append(
            f"{NODE}.zip: {value!r} is not a list of keys, as [model,optimizer.lr], "
            "or of such lists"
        )
        return ()
    zipped = tuple(tuple(keys) for keys in lists if keys)
    keys = [key for keys in zipped for key in keys]
    problems += [f"{NODE}.zip: {k} stands there twice" for k in {*keys} if keys.count(k) > 1]
    single = [keys[0] for keys in zipped if len(keys) == 1]
    problems += [f"{NODE}.zip: {key} alone; a pairing needs two keys" for key in single]
    return zipped


def read_when(value: Any, problems: list[str]) -> dict[str, Condition | None]:
    """The conditions under which runs get a key; adds a line for each mistake."""
    if not isinstance(value, dict):
        problems.append(
            f"{NODE}.when: {value!r} is not {{KEY: CONDITION}}, as "
            "{model.dropout: 'model == mlp'}"
        )
        return {}
    when: dict[str, Condition | None] = {}
    for key, text in value.items():
        where = f"{NODE}.when.{key}"
        if text == EXISTS:
            when[str(key)] = None
        elif (condition := _read_condition(where, text, problems)) is not None:
            if str(key) in condition.keys:
                problems.append(f"{where}: {text!r} asks for {key} itself")
            when[str(key)] = condition
    return when


def read_conditions(name: str, value: Any, problems: list[str]) -> tuple[Condition, ...]:
    """The conditions of a key that takes one or a list of them; adds a line for each mistake."""
    texts = value if isinstance(value, list) else [value]
    conditions = [_read_condition(f"{NODE}.{name}", text, problems) for text in texts]
    return tuple(condition for condition in conditions if condition is not None)


def _read_condition(where: str, text: Any, problems: list[str]) -> Condition | None:
    if not isinstance(text, str):
        problems.append(f"{where}: {text!r} is no condition, as 'model == mlp'")
        return None
    condition = Condition(text, where)
    try:
        condition.check_names()
    except ConfigError as e:
        problems += e.problems
        return None
    return condition
