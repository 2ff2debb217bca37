"""The config that an ensemble's folder holds: what its members share, and its own settings."""

from pathlib import Path
from typing import Any

from lepton.ensemble.machinery.fitting import FittedEnsemble
from lepton.ensemble.machinery.members import member_reference

ENSEMBLE_KEYS = ("method", "metric", "max_members", "max_size", "folds", "seed")


def ensemble_model_name(config: dict[str, Any]) -> str:
    """The name that stands where runs have the name of their model."""
    return f"ensemble_{config['choices']['method']}"


def ensemble_config(
    config: dict[str, Any], fitted: FittedEnsemble, folder: Path, *, kind: str
) -> dict[str, Any]:
    """The config to store: of a soup (kind=weights) the best member's, else what members share,
    and the settings of the ensemble itself."""
    configs = [member.config for member in fitted.members]
    base = configs[0] if kind == "weights" else _shared_values(configs) | {"seed": config["seed"]}
    choices = _shared_values([member_config["choices"] for member_config in configs])
    choices |= {"model": ensemble_model_name(config), "ensemble": config["choices"]["method"]}
    settings = {key: config[key] for key in ENSEMBLE_KEYS}
    return {
        **base,
        "study": folder.parent.name,
        "runs": str(folder.parent.parent),
        "choices": choices,
        "overrides": config["overrides"],
        "ensemble": {"kind": kind, **settings, "members": _recorded_members(fitted, folder)},
    }


def _shared_values(nodes: list[dict[str, Any]]) -> dict[str, Any]:
    """The values that are the same in all; of the data set what these share, as all but a fold."""
    shared = {}
    for key, value in nodes[0].items():
        values: list[Any] = [node.get(key) for node in nodes]
        if all(other == value for other in values):
            shared[key] = value
        elif key == "dataset":
            shared[key] = _shared_values(values)
    return shared


def _recorded_members(fitted: FittedEnsemble, folder: Path) -> list[dict[str, Any]]:
    """References to the members in use, with the number of their entry and their weight."""
    weights = fitted.weights.tolist()
    return [
        {
            **member_reference(member, folder),
            "part": number,
            "weight": weights[i] / len(fitted.pool.entries[i].members),
        }
        for number, i in enumerate(fitted.used)
        for member in fitted.pool.entries[i].members
    ]
