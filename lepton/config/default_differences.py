"""How the config of a run differs from what its options have by default."""

from collections.abc import Iterator, Mapping
from typing import Any

from lepton.config.compose import compose_unchecked
from lepton.config.options import find_options
from lepton.config.patience import without_idle_patience
from lepton.config.validation import with_validation
from lepton.errors import LeptonError
from lepton.groups import TRAINING_GROUPS

TOLD_ELSEWHERE = ("study", "runs", "rerun", "choices", "overrides", "revisions", "data_identity")
ABSENT = object()
Differences = dict[str, tuple[Any, Any]]  # by dotted key: the run's value, the default


def differences_from_defaults(config: Mapping[str, Any]) -> Differences:
    """The choices that are not those of `lepton train` alone, and the values that are not those of
    the chosen options; options that are no longer there, or not from here, have no defaults."""
    choices, usual = dict(config.get("choices") or {}), dict(_composed().get("choices") or {})
    different = {
        group: (name, usual.get(group, "none"))
        for group, name in choices.items()
        if name != usual.get(group, "none")
    }
    defaults = dict(_flat(_defaults_of(choices, config)))
    heeded = {key: v for key, v in config.items() if key not in TOLD_ELSEWHERE and v is not None}
    for key, value in _flat(heeded):
        default = defaults.get(key, ABSENT)
        if default is not ABSENT and default != value:
            different[key] = value, default
    return different


def _defaults_of(choices: Mapping[str, str], config: Mapping[str, Any]) -> dict[str, Any]:
    """The config of these options as they are, of those of them that are there.

    The patience of the trainer, and what is no value by itself, are as they would be in `config`.
    """
    options, words = find_options(), []
    for group, name in choices.items():
        names = name.split("+")
        if group in ("experiment", *TOLD_ELSEWHERE) or not {*names} <= {*options.get(group, {})}:
            continue
        is_several = group in TRAINING_GROUPS and TRAINING_GROUPS[group].several
        words.append(f"{group}=[{','.join(names)}]" if is_several else f"{group}={name}")
    try:
        defaults = _composed(*words)
        length = {"max_epochs": (config.get("trainer") or {}).get("max_epochs")}
        resolved = {**config, "trainer": {**defaults["trainer"], **length}}
        if "validation" in (data := config.get("dataset") or {}):
            resolved = with_validation({**resolved, "dataset": {**data, "validation": None}})
            of_data = {**defaults["dataset"], "validation": resolved["dataset"]["validation"]}
            defaults = {**defaults, "dataset": of_data}
        patience = without_idle_patience(resolved)["trainer"]["patience"]
        return {**defaults, "trainer": {**defaults["trainer"], "patience": patience}}
    except LeptonError:  # of options that do not go together any more
        return {}


def _composed(*words: str) -> dict[str, Any]:
    from omegaconf import OmegaConf

    cfg = compose_unchecked(*words)
    content = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=False)
    assert isinstance(content, dict)
    return {str(key): value for key, value in content.items()}


def _flat(node: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{path}{key}.")
        elif not str(key).startswith("_"):
            yield f"{path}{key}", value
