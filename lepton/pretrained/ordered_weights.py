"""Weights of a file for a network of the same tensors in the same order, under other names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lepton.errors import ConfigError, DataError
from lepton.pretrained.location import loading_problem, local_file

HEAD_TENSORS = 2  # of a file, that may lie behind those of the network: of a linear head


@torch.no_grad()
def load_in_order(model: nn.Module, path: str) -> None:
    """Gives each tensor of a network that of the same place in the file that `model.path` names.

    Raises: ConfigError for another network's file, or none; DataError for one of other things.
    """
    file = local_file(path)
    if file is None:
        reason = loading_problem(path, weights=True) or "a folder; a file of weights is right"
        raise ConfigError(f"model.path: {path!r}: {reason}")
    source, target = _read(file, path), model.state_dict()
    pairs = list(zip(target.items(), source.items(), strict=False))
    misfits = [
        f"{name} is {[*tensor.shape]}, and {other} {[*value.shape]}"
        for (name, tensor), (other, value) in pairs
        if tensor.shape != value.shape
    ]
    if misfits or not len(target) <= len(source) <= len(target) + HEAD_TENSORS:
        reason = misfits[0] if misfits else f"{len(source)} tensors there, {len(target)} here"
        raise ConfigError(f"model.path: {path!r}: weights of another network ({reason})")
    for (_, tensor), (_, value) in pairs:
        tensor.copy_(value)


def _read(file: Path, path: str) -> dict[str, Tensor]:
    """The tensors of a file, read without running any code of it."""
    try:
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(file)
        content: Any = torch.load(file, weights_only=True, map_location="cpu")
    except Exception as e:  # of several unrelated kinds
        reason = " ".join(str(e).split())[:100] or type(e).__name__
        raise DataError(f"model.path={path}: not a file of weights alone ({reason})") from None
    is_state = isinstance(content, Mapping) and all(isinstance(v, Tensor) for v in content.values())
    if not is_state:
        raise DataError(f"model.path={path}: holds other things than named tensors")
    return dict(content)
