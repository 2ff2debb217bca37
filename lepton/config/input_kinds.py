"""The kinds of inputs that a data set provides and a model reads, as their source says."""

import re
from dataclasses import dataclass
from typing import Any

from lepton.config.inner_options import inner_keys, inner_nodes
from lepton.config.lineage import read_lineage
from lepton.config.model_kind import fits_itself
from lepton.config.options import find_options, root_target
from lepton.config.signature import TargetError, class_constant, read_signature
from lepton.config.trust import is_trusted
from lepton.config.words import shell_word
from lepton.groups import GROUPS, TRAINING_GROUPS

SHIPPED_KINDS = "lepton.dataset.inputs"  # whose module `table` holds the kind "table"
USE_KEY = "use"  # of a data set that holds kinds of inputs: those that the model is given
DEFAULT_KINDS = ("table",)  # of a class that says none
FACTS: dict[str, Any] = {  # constants of a kind's class, each with what stands for it
    **{"name": "", "plural": "", "groups": (), "supplies": ()},
    "column_argument": "column",
}
NO_VALUE = re.compile(r": +\?\?\?")  # of a key that must be given
MOST_READERS = 2  # models that are named to whom chose one that reads something else
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
    column_argument: str  # of its own constructor, the one that says its columns


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
    for key, default in FACTS.items():
        constant = class_constant(target, key)
        values[key] = constant[1] if constant else default
    if not values["name"]:
        raise TargetError(f"{target!r} is no kind of inputs; one sets `name` in its class body")
    return KindFacts(signature.origin, **{**values, "plural": values["plural"] or values["name"]})


def kind_names(group: str, node: Any) -> tuple[str, ...]:
    """The names that the class of a data set or a model gives to the kinds of its inputs."""
    if not isinstance(node, dict) or "_target_" not in node:
        return DEFAULT_KINDS
    if inner_keys(node):
        return _inner_kind_names(group, node)
    constant = class_constant(node["_target_"], *CLASS_ATTRIBUTES[group])
    names = constant[1] if constant else DEFAULT_KINDS
    return (names,) if isinstance(names, str) else tuple(names)


def _inner_kind_names(group: str, node: dict[str, Any]) -> tuple[str, ...]:
    """The names of the kinds that the options inside of a data set's or a model's node bring."""
    inner = [option for _, _, option in inner_nodes(node)]
    if group == "dataset":
        return tuple(str(option["_target_"]) for option in inner)
    return tuple(dict.fromkeys(name for option in inner for name in kind_names(group, option)))


def provided_kinds(config: dict[str, Any]) -> list[KindFacts]:
    """The kinds of inputs that the data set provides."""
    return [kind_facts(name) for name in kind_names("dataset", config["dataset"])]


def kinds_in_use(config: dict[str, Any]) -> list[KindFacts]:
    """The kinds of inputs that the data set provides and gives to the model: all, where the class
    of the data set knows no `use` of some alone."""
    provided, chosen = provided_kinds(config), (config["dataset"] or {}).get(USE_KEY)
    if not inner_keys(config["dataset"]) or not isinstance(chosen, list):
        return provided
    return [kind for kind in provided if kind.name in chosen]


def read_kinds(config: dict[str, Any]) -> list[KindFacts]:
    """The kinds of inputs that the model reads."""
    return [kind_facts(name) for name in kind_names("model", config["model"])]


def supplied_inputs(group: str, node: Any) -> list[str]:
    """What the constructor of a data set is given for the kinds that it provides, beside YAML."""
    if group != "dataset" or inner_keys(node):
        return []
    try:
        kinds = [kind_facts(name) for name in kind_names(group, node)]
    except TargetError:  # which `kind_problems`, or the check of the target, tells
        return []
    return [name for kind in kinds for name in kind.supplies]


def used_kinds(config: dict[str, Any]) -> list[KindFacts]:
    """The kinds of the data set that the model reads."""
    read = read_kinds(config)
    return [kind for kind in kinds_in_use(config) if kind in read]


def reading_node(config: dict[str, Any], kind: str) -> dict[str, Any]:
    """The node of the model that reads the kind of this name: its own, or that of an encoder."""
    model = config["model"]
    encoders = [encoder for _, name, encoder in inner_nodes(model) if name == kind]
    return encoders[0] if encoders else model


def without_idle_encoders(config: dict[str, Any]) -> dict[str, Any]:
    """The config whose model has no encoders of kinds that the data set does not give it."""
    if not config["dataset"] or not inner_keys(config["model"]):
        return config
    names, model = {kind.name for kind in kinds_in_use(config)}, dict(config["model"])
    for key in inner_keys(model):
        model[key] = {name: node for name, node in model[key].items() if node and name in names}
    return {**config, "model": model}


def supplied_to_inner(group: str, node: dict[str, Any]) -> tuple[str, ...]:
    """What code gives to the target of an option inside of one of a group, beside its YAML."""
    if group != "dataset":
        return GROUPS[group].supplied
    try:
        kind = kind_facts(str(node["_target_"]))
    except TargetError:  # which the check of the target tells
        return ()
    return (kind.column_argument, *kind.supplies)


def encoder_problems(config: dict[str, Any]) -> list[str]:
    """A line for every encoder of a model that can be none, or that stands under another kind."""
    problems = []
    for key, name, node in inner_nodes(config["model"]):
        path, target = f"model.{key}.{name}", str(node["_target_"])
        reads = [kind_facts(kind).name for kind in kind_names("model", node)]
        if reads != [name]:
            words = " and ".join(reads)
            problems.append(f"{path}: {target.rpartition('.')[2]} reads {words}, not {name}")
        elif "features" not in read_lineage(target).methods:
            problems.append(
                f"{path}: {target.rpartition('.')[2]} has no features(batch), by which it would be "
                "an encoder; take a network that has"
            )
    return problems


def use_problems(config: dict[str, Any]) -> list[str]:
    """A line for every kind that a data set is told to use and does not know, or that nothing of
    the model reads."""
    chosen = config["dataset"].get(USE_KEY)
    if not inner_keys(config["dataset"]) or chosen == "all":
        return []
    names = [kind.name for kind in provided_kinds(config)]
    if not isinstance(chosen, list) or not chosen:
        return [f"dataset.{USE_KEY}: {chosen!r} is neither all nor a list of {', '.join(names)}"]
    strays = [name for name in chosen if name not in names]
    if strays:
        return [f"dataset.{USE_KEY}: {strays[0]!r} is no kind of inputs here ({', '.join(names)})"]
    read = [kind.name for kind in read_kinds(config)]
    unread = [name for name in chosen if name not in read]
    if unread and inner_keys(config["model"]):
        path = f"model.{inner_keys(config['model'])[0]}.{unread[0]}"
        return [f"dataset.{USE_KEY}: the model has no encoder of {unread[0]}; {path}=NAME"]
    return []


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


def models_that_read(kind: KindFacts) -> list[str]:
    """Some networks among the options of model that read this kind alone and lack no value."""
    names = []
    for name, path in find_options().get("model", {}).items():
        text = path.read_text(encoding="utf-8", errors="replace")
        if (target := root_target(path)) is None or NO_VALUE.search(text):
            continue
        try:
            if _reads_alone(target, kind) and not fits_itself({"model": {"_target_": target}}):
                names.append(name)
        except TargetError:  # of a class that could not be chosen either
            continue
    return names[:MOST_READERS]


def _reads_alone(target: str, kind: KindFacts) -> bool:
    """True when a model's class names this kind of inputs and no other."""
    if class_constant(target, *CLASS_ATTRIBUTES["model"]) is None:
        return False
    names = kind_names("model", {"_target_": target})
    return [kind_facts(name).target for name in names] == [kind.target]


def describe_kinds(kinds: list[KindFacts]) -> str:
    """The kinds in words, as "a table and texts"."""
    return " and ".join(kind.plural for kind in kinds) or "nothing"
