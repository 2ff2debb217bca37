"""The kinds of inputs that a data set provides and a model reads, as their source says."""

from dataclasses import dataclass
from typing import Any

from lepton.config.signature import TargetError, class_constant, read_signature
from lepton.config.trust import is_trusted
from lepton.config.words import shell_word
from lepton.groups import TRAINING_GROUPS

SHIPPED_KINDS = "lepton.dataset.inputs"  # whose module `table` holds the kind "table"
DEFAULT_KINDS = ("table",)  # of a class that says none
CLASS_ATTRIBUTES = {  # of a group's classes, the nearest base counts; `kind` is the older word
    "dataset": ("provides", "kind"),
    "model": ("reads", "kind"),
}


@dataclass(frozen=True)
class KindFacts:
    """What the class of a kind says of it in constants; `target` is its dotted name."""

    target: str
    name: str
    plural: str  # as in "dataset=... holds texts"
    groups: tuple[str, ...]  # groups of the config that such inputs cannot do without
    supplies: tuple[str, ...]  # what a data set's constructor is given for it beside YAML


def kind_target(name: str) -> str:
    """The dotted name of a kind's class, from itself or the short name of a kind of lepton's."""
    if "." in name:
        return name
    return f"{SHIPPED_KINDS}.{name}.{name.title().replace('_', '')}Inputs"


def kind_facts(name: str) -> KindFacts:
    """The facts of a kind, by its short or its dotted name.

    Raises: TargetError when there is no such class, or it does not say its name.
    """
    target = kind_target(name)
    signature = read_signature(target)
    values = {}
    for key, default in (("name", ""), ("plural", ""), ("groups", ()), ("supplies", ())):
        constant = class_constant(target, key)
        values[key] = constant[1] if constant else default
    if not values["name"]:
        raise TargetError(f"{target!r} is no kind of inputs; one sets `name` in its class body")
    return KindFacts(signature.origin, **{**values, "plural": values["plural"] or values["name"]})


def kind_names(group: str, node: Any) -> tuple[str, ...]:
    """The names that the class of a data set or a model gives to the kinds of its inputs."""
    if not isinstance(node, dict) or "_target_" not in node:
        return DEFAULT_KINDS
    constant = class_constant(node["_target_"], *CLASS_ATTRIBUTES[group])
    names = constant[1] if constant else DEFAULT_KINDS
    return (names,) if isinstance(names, str) else tuple(names)


def provided_kinds(config: dict[str, Any]) -> list[KindFacts]:
    """The kinds of inputs that the data set provides."""
    return [kind_facts(name) for name in kind_names("dataset", config["dataset"])]


def read_kinds(config: dict[str, Any]) -> list[KindFacts]:
    """The kinds of inputs that the model reads."""
    return [kind_facts(name) for name in kind_names("model", config["model"])]


def supplied_inputs(group: str, node: Any) -> list[str]:
    """What the constructor of a data set is given for the kinds that it provides, beside YAML."""
    if group != "dataset":
        return []
    try:
        kinds = [kind_facts(name) for name in kind_names(group, node)]
    except TargetError:  # which `kind_problems`, or the check of the target, tells
        return []
    return [name for kind in kinds for name in kind.supplies]


def used_kinds(config: dict[str, Any]) -> list[KindFacts]:
    """The kinds of the data set that the model reads."""
    read = read_kinds(config)
    return [kind for kind in provided_kinds(config) if kind in read]


def idle_groups(config: dict[str, Any]) -> list[str]:
    """The groups that do nothing, since no kind in use needs them."""
    needed = {group for kind in used_kinds(config) for group in kind.groups}
    return [name for name, g in TRAINING_GROUPS.items() if g.by_kind and name not in needed]


def kind_problems(group: str, node: Any, option: str) -> list[str]:
    """A line for every kind that a data set or a model names and that cannot be used."""
    if group not in CLASS_ATTRIBUTES:
        return []
    lines, names = [], {}  # of the kinds that can
    for kind in kind_names(group, node):
        line, target = f"{group}: {option}: the kind of inputs {kind!r}", kind_target(kind)
        if not is_trusted(target, "dataset"):
            package = target.split(".")[0]
            advice = f"if you trust it, --allow {shell_word(package)}"
            lines.append(f"{line} is not in a trusted package; {advice}")
            continue
        try:
            name = kind_facts(kind).name
        except TargetError as e:
            hint = "" if "." in kind else "; one of your own is named by its class, as mine.Mine"
            lines.append(f"{line} is not found: {e}{hint}")
            continue
        if name in names:
            lines.append(f"{line} is called {name!r}, and so is {names[name]!r}")
        names[name] = kind
    return lines


def describe_kinds(kinds: list[KindFacts]) -> str:
    """The kinds in words, as "a table and texts"."""
    return " and ".join(kind.plural for kind in kinds) or "nothing"
