"""The weights that `init_from` names, read."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from lepton import origin
from lepton.errors import LeptonError
from lepton.finetune.adapters import merged
from lepton.finetune.transfer import Given

INSIDE = ("state_dict", "model_state_dict", "model")  # where other tools put the weights of a file


def read(init_from: str) -> Given:
    """Weights, and for a run what its columns and its head mean.

    Raises: LeptonError when a file cannot be read, or more than finite tensors.
    """
    path = Path(init_from)
    if origin.is_run(path):
        from lepton.predictor import network_of

        network = network_of(path)
        model, spec = merged(network.model), network.spec
        columns = model.columns(spec) if hasattr(model, "columns") else {}
        return Given(init_from, model.state_dict(), columns, spec)
    state: dict[str, Tensor] = {}
    for file in origin.weight_files(path):
        state |= _tensors(file)
    return Given(init_from, state, strict=path.is_file())


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            found = load_file(path)
        else:
            found = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as e:  # of several unrelated kinds
        why = " ".join(str(e).split())[:200]
        raise LeptonError(f"init_from={path}: not a file of weights alone ({why})") from None
    for name in INSIDE:
        if isinstance(found, Mapping) and isinstance(found.get(name), Mapping):
            found = found[name]
    wrong = not isinstance(found, Mapping) or [
        str(name) for name, value in found.items() if not (isinstance(name, str) and _dense(value))
    ]
    if wrong:
        raise LeptonError(f"init_from={path}: holds other things than named tensors ({wrong})")
    broken = [name for name, value in found.items() if not value.isfinite().all()]
    if broken:
        raise LeptonError(f"init_from={path}: {broken[0]} holds values that are not finite")
    return dict(found)


def _dense(value: object) -> bool:
    return isinstance(value, Tensor) and value.layout is torch.strided
