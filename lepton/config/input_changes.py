"""Checks that methods are given inputs, or layers, that they can change or make rows of."""

from typing import Any

from lepton.config.chosen_options import option_label
from lepton.config.class_facts import class_fact
from lepton.config.input_kinds import describe_kinds, kind_facts, kinds_in_use, used_kinds
from lepton.config.method_nodes import method_nodes
from lepton.config.option_keys import TARGET
from lepton.config.options import find_options


def input_change_problems(config: dict[str, Any]) -> list[str]:
    """A line for every method whose kinds of inputs the model is not given, or only as features,
    and for one that acts in layers which are not trained."""
    names, problems = {kind.name for kind in used_kinds(config)}, []
    held = describe_kinds(kinds_in_use(config))
    for path, node in method_nodes(config):
        changed, added = (class_fact(node, f"{what}_inputs") for what in ("changes", "adds"))
        group, label = path.partition(".")[0], option_label(config, path)
        dataset = option_label(config, "dataset")
        if added and names - {*added}:
            words = f"{label} adds rows of {_plurals(added)} alone"
            problems.append(f"{group}, dataset: {words}, and {dataset} holds {held}")
        if not changed and not class_fact(node, "acts_below_head"):
            continue
        if changed and not names & {*changed}:
            words = f"{label} changes {_plurals(changed)}"
            others = _options_for(group, names)
            hint = f"; {group}={', '.join(others)} can act there" if others else ""
            problems.append(f"{group}, dataset: {words}, and {dataset} holds {held}{hint}")
        elif class_fact(config["finetune"] or {}, "probes"):
            strategy = option_label(config, "finetune")
            problems.append(
                f"{group}, finetune: {strategy} learns from features that are computed once, which "
                f"{label} cannot change; take finetune=full, or leave it out"
            )
    return problems


def _options_for(group: str, kinds: set[str]) -> list[str]:
    """The options of a group that change one of these kinds of inputs; where none says so, those
    that ask for none."""
    changed = {}
    for name, file in find_options().get(group, {}).items():
        if target := TARGET.search(file.read_text(encoding="utf-8", errors="replace")):
            node = {"_target_": target[1]}
            if not class_fact(node, "adds_inputs"):
                changed[name] = {*(class_fact(node, "changes_inputs") or ())}
    meant = [name for name, its in changed.items() if its & kinds]
    return meant or [name for name, its in changed.items() if not its]


def _plurals(kinds: tuple[str, ...]) -> str:
    return " or ".join(kind_facts(kind).plural for kind in kinds)
