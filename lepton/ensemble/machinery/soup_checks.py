"""Checks that the weights of a soup's members can be averaged; an error says what differs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from torch import Tensor

from lepton.config.check import check
from lepton.config.model_kind import NETWORK, model_kind
from lepton.derived.inputs import InputRun
from lepton.derived.learners import have_same_file, input_files
from lepton.errors import ConfigError
from lepton.finetune.machinery.adapters import changes_weights, is_adapter
from lepton.finetune.machinery.freezing import frozen_entries
from lepton.pretrained.base_weights import find_adapter_base
from lepton.pretrained.weight_files import ADAPTER_FILE, BASE_FILE, WEIGHTS_FILE, read_adapter_base
from lepton.storage.run_files import read_run_shapes
from lepton.training.learner import build_network
from lepton.training.network import Network

Config = dict[str, Any]
Shapes = dict[str, tuple[int, ...]]
SAME_START = "a soup needs runs that started from the same weights"
SAME_PARAMETERS = "a soup needs members with the same parameters"
KEEP_KEY = "keep"  # of a strategy: how much of the weights a run folder holds
MAX_DIFFERENCES_SHOWN = 3


def buildable_config(member: InputRun) -> Config:
    """The checked config of a member, with the place where the weights below its adapter lie now.

    Raises: ConfigError for a config that cannot be built; LeptonError when those weights are gone.
    """
    config = member.config
    if (member.folder / BASE_FILE).is_file():
        key, place = find_adapter_base(member.folder)
        if key == "init_from":
            config = config | {"init_from": place}
        else:
            config = config | {"model": config["model"] | {"path": place}}
    return check(OmegaConf.create(config)) | {"forgetting": False}


def init_from(config: Config) -> str | None:
    """The weights that a run was told to start from, wherever its config says so."""
    for key, value in config.items():
        weights = None
        if key == "init_from":
            weights = value
        elif isinstance(value, dict):
            weights = init_from(value)
        if weights:
            return weights
    return None


def differ_in_adapters(members: list[InputRun], configs: list[Config]) -> bool:
    """True where all members have adapters that can be added into weights, and no mean of these:
    other ones, or of other sizes."""
    if not all(config["finetune"] for config in configs):
        return False
    if not any(_differences(configs[0], config, "finetune") for config in configs):
        return False
    return all(any(map(changes_weights, _tensor_shapes(member))) for member in members)


def refuse_different_configs(
    members: list[InputRun], configs: list[Config], *, merged: bool
) -> None:
    """Raises: ConfigError for members whose models, inputs, starts or strategies differ.

    `merged`: adapters are added into weights first, so that strategies may differ.
    """
    first = configs[0]
    for member, config in zip(members, configs, strict=True):
        if model_kind(config) is not NETWORK:
            raise ConfigError(f"method: a soup needs networks; {member.run} has no weights to mean")
        for group, plural in (("model", "models"), ("preprocessing", "preprocessing")):
            if differences := _differences(first, config, group):
                raise _refusal(members[0], member, f"different {plural}", differences, SAME_START)
        starts = init_from(first), init_from(config)
        if starts[0] != starts[1]:
            differences = [f"{starts[0]} and {starts[1]}"]
            raise _refusal(members[0], member, "different init_from", differences, SAME_START)
        if not merged and _target(first, "finetune") != _target(config, "finetune"):
            differences = _differences(first, config, "finetune")
            raise _refusal(members[0], member, "different strategies", differences, SAME_PARAMETERS)


def refuse_different_weights(
    members: list[InputRun], configs: list[Config], *, merged: bool
) -> None:
    """Raises: ConfigError for members whose files hold other parameters, or the same numbers with
    another meaning: other adapters, other tokens; LeptonError for files that cannot be read.

    `merged`: adapters are added into weights first, so that they may differ.
    """
    first, shapes = members[0], _tensor_shapes(members[0])
    adapted = any(map(is_adapter, shapes))
    for member, config in zip(members[1:], configs[1:], strict=True):
        odd = _odd_tensors(first, shapes, member, _tensor_shapes(member))
        options = _differences(configs[0], config, "finetune")
        if not merged and (odd or (adapted and options)):
            differences = options or _differences(configs[0], config, "dataset") or odd
            raise _refusal(first, member, "different parameters", differences, SAME_PARAMETERS)
        for file, content in input_files(first.spec).items():
            if not have_same_file(first.folder, member.folder, file):
                differences = _differences(configs[0], config, "dataset")
                raise _refusal(first, member, f"different {content}", differences, SAME_PARAMETERS)
    bases = [
        (m, read_adapter_base(m.folder / BASE_FILE))
        for m in members
        if (m.folder / BASE_FILE).is_file()
    ]
    for member, base in bases:
        if base["sha256"] != bases[0][1]["sha256"]:
            differences = [f"{bases[0][1]['path']} has changed in between"]
            raise _refusal(bases[0][0], member, "different bases", differences, SAME_START)


def started_apart(configs: list[Config], network: Network) -> int | None:
    """The first member whose first weights are not those of `network`, which is the first one's.

    They are drawn again to see; of runs that started from the same `init_from`, adapters alone.
    """
    first = network.model.state_dict()
    drawn = [name for name in first if not init_from(configs[0]) or is_adapter(name)]
    for number, config in enumerate(configs[1:], 1):
        if not drawn:
            break
        state = build_network(config, network.spec).model.state_dict()
        if state.keys() != first.keys() or any(not state[n].equal(first[n]) for n in drawn):
            return number
    return None


def refuse_other_start(members: list[InputRun], configs: list[Config], other: int) -> None:
    """Raises: ConfigError that names the first member and this one."""
    raise ConfigError(
        f"method: {members[0].run} and {members[other].run} started from different weights (seed "
        f"{configs[0]['seed']} and {configs[other]['seed']}); their mean is no model. Average "
        "predictions (method=mean), or train from one seed or one init_from"
    )


def refuse_weights_left_out(
    members: list[InputRun],
    configs: list[Config],
    states: list[dict[str, Tensor]],
    network: Network,
) -> None:
    """Raises: ConfigError when a member tuned what a soup that keeps an adapter does not hold."""
    fine_tuning = network.fine_tuning
    if fine_tuning is None or not fine_tuning.keeps_adapter_only(network.model, network.methods[0]):
        return
    frozen = sorted(frozen_entries(network.model) & states[0].keys())
    for member, config, state in zip(members, configs, states, strict=True):
        moved = [name for name in frozen if not state[name].equal(states[0][name])]
        if moved:
            differences = _differences(configs[0], config, "finetune") or moved
            raise _refusal(members[0], member, "different parameters", differences, SAME_PARAMETERS)


def _refusal(
    first: InputRun, other: InputRun, have: str, differences: list[str], reason: str
) -> ConfigError:
    details = f" ({', '.join(differences[:MAX_DIFFERENCES_SHOWN])})" if differences else ""
    return ConfigError(f"method: {first.run} and {other.run} have {have}{details}; {reason}")


def _differences(first: Config, other: Config, group: str) -> list[str]:
    """The names of a group's options where these differ in two configs, or keys that do."""
    if _target(first, group) != _target(other, group):
        return [" and ".join(f"{group}={c['choices'].get(group)}" for c in (first, other))]
    options, others = (dict(_options(config[group] or {}, group)) for config in (first, other))
    return [
        f"{key} {options.get(key)} and {others.get(key)}"
        for key in options | others
        if options.get(key) != others.get(key)
    ]


def _target(config: Config, group: str) -> str | None:
    return (config[group] or {}).get("_target_")


def _options(node: Config, prefix: str) -> Iterator[tuple[str, Any]]:
    """Keys and values of an option that weights can depend on."""
    for key, value in node.items():
        if isinstance(value, dict):
            yield from _options(value, f"{prefix}.{key}")
        elif key != KEEP_KEY and "dropout" not in key:
            yield f"{prefix}.{key}", value


def _tensor_shapes(member: InputRun) -> Shapes:
    """The shapes of what a run's file of weights holds, by name."""
    path = weights_file(member)
    return read_run_shapes(path.parent, path.name)


def weights_file(member: InputRun) -> Path:
    """The file that holds the weights of a network: the whole, or the adapter alone."""
    whole = member.folder / WEIGHTS_FILE
    return whole if whole.is_file() else member.folder / ADAPTER_FILE


def _odd_tensors(
    first: InputRun, shapes: Shapes, other: InputRun, other_shapes: Shapes
) -> list[str]:
    """The tensors that two files do not share, where a whole one may hold more than an adapter."""
    odd = {n for n in shapes.keys() & other_shapes.keys() if shapes[n] != other_shapes[n]}
    if weights_file(first).name == weights_file(other).name:
        odd |= shapes.keys() ^ other_shapes.keys()
    elif weights_file(first).name == ADAPTER_FILE:
        odd |= shapes.keys() - other_shapes.keys()
    else:
        odd |= other_shapes.keys() - shapes.keys()
    return sorted(odd)
