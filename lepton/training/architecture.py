"""What a run's pretrained encoders are built of again, kept in its folder beside the weights."""

from pathlib import Path
from typing import Any

from torch import nn

from lepton.config.inner_options import inner_keys, inner_nodes
from lepton.groups import GROUPS

ARCHITECTURE_FOLDER = "architecture"  # of a run
Node = dict[str, Any]


def save_architecture(model: Any, run_folder: Path) -> None:
    """Writes what a model, or the outermost of its modules that has such, is built of again."""
    modules = model.modules() if isinstance(model, nn.Module) else [model]
    for module in modules:
        if save := getattr(module, "save_architecture", None):
            save(run_folder / ARCHITECTURE_FOLDER)
            return


def holds_encoders(node: Node) -> bool:
    """True for a model's node inside of which further networks stand."""
    return bool(inner_keys(node)) or any(key in node for key in GROUPS["model"].made_inside)


def with_own_architecture(node: Node, folder: Path) -> Node:
    """A model's node whose encoders are built of what the folder holds, without their weights.

    A network inside of it has a folder of its key or name there; without one it stays as it is.
    """
    if not folder.is_dir():
        return node
    if not holds_encoders(node):
        return node | {"path": str(folder), "pretrained": False}
    changed = dict(node)
    for key in GROUPS["model"].made_inside:
        if isinstance(node.get(key), dict):
            changed[key] = with_own_architecture(node[key], folder / key)
    for key in inner_keys(node):
        changed[key] = dict(node[key])
    for key, name, encoder in inner_nodes(node):
        changed[key][name] = with_own_architecture(encoder, folder / name)
    return changed
