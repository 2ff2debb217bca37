"""What to type for keys of launchers and sweepers that plug-ins of Hydra's have, not lepton's."""

from collections.abc import Iterator, Mapping
from typing import Any

from lepton.errors import did_you_mean

PARTS = ("hydra.launcher", "hydra.sweeper")
LEPTONS_KEYS = {  # of what Hydra's plug-ins, and joblib below one, call otherwise
    **dict.fromkeys(("n_jobs", "max_workers", "num_workers", "processes"), "workers"),
    **dict.fromkeys(("partition", "account", "qos", "setup"), "slurm_{}"),
    **dict.fromkeys(("array_parallelism", "additional_parameters"), "slurm_{}"),
    "direction": "directions",
    "max_batch_size": "batch",
    "max_time": "budget",
}
OF_LAUNCHER = "workers"  # a key that is asked for of a sweeper too, and stands in the launcher


def unknown_key_line(key: str, node: Mapping[str, Any] | None) -> str | None:
    """The line for a key that Hydra does not find in a launcher's or sweeper's own `node`; None for
    keys of other parts."""
    part, _, name = key.rpartition(".")
    if node is None or not key.startswith(PARTS):
        return None
    keys = dict(_nested_keys(node))
    wanted = LEPTONS_KEYS.get(name, name).format(name)
    if wanted in keys:
        return f"{key}: no such key; write {part}.{keys[wanted]}="
    if part == PARTS[1] and wanted == OF_LAUNCHER:
        return f"{key}: no such key; write {PARTS[0]}.{wanted}="
    hint = did_you_mean(name, keys)
    return f"{key}: no such key{hint} (keys: {', '.join(keys.values()) or 'none'})"


def _nested_keys(node: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """The keys of a node and of nodes in it, each with its path."""
    for name in node:
        value = node[name]
        if isinstance(value, Mapping):
            yield from _nested_keys(value, f"{path}{name}.")
        elif not str(name).startswith("_"):
            yield str(name), f"{path}{name}"
