"""The weights that `init_from` names, read."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from lepton.errors import LeptonError
from lepton.finetune.machinery.adapters import merged
from lepton.finetune.machinery.transfer import SHOWN, Given
from lepton.finite import not_finite_names
from lepton.pretrained import init_weights

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
INSIDE = ("state_dict", "model_state_dict", "model")  # where other tools put the weights of a file


def read(init_from: str, load_network: Callable[[Path], Any]) -> Given:
    """Weights, and for a run what its columns and its head mean.

    Raises: LeptonError when a file cannot be read, or holds more than finite tensors.
    """
    path = Path(init_from)
    if init_weights.is_run(path):
        network = load_network(path)
        model, spec = merged(network.model), network.spec
        columns = model.columns(spec) if hasattr(model, "columns") else {}
        return _finite(Given(init_from, model.state_dict(), columns, spec))
    state: dict[str, Tensor] = {}
    for file in init_weights.weight_files(path):
        state |= _tensors(file)
    return _finite(Given(init_from, state, strict=path.is_file()))


def _finite(given: Given) -> Given:
    if wild := next(not_finite_names(given.state), None):
        raise LeptonError(f"init_from={given.name}: {wild} holds values that are not finite")
    return given


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            found = load_file(path)
        else:
            found = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as e:  # of several unrelated kinds
        said = str(e) if path.suffix == ".safetensors" else "no archive of tensors"
        why = " ".join(said.split())[:200] or type(e).__name__
        raise LeptonError(f"init_from={path}: not a file of weights alone ({why})") from None
    for name in INSIDE:
        if isinstance(found, Mapping) and isinstance(found.get(name), Mapping):
            found = found[name]
    wrong = not isinstance(found, Mapping) or [
        str(name) for name, value in found.items() if not (isinstance(name, str) and _plain(value))
    ]
    if wrong:
        what = wrong[:SHOWN] if isinstance(wrong, list) else f"a {type(found).__name__}"
        raise LeptonError(f"init_from={path}: holds other things than named tensors ({what})")
    return dict(found)


def _plain(value: object) -> bool:
    """Whether it is a tensor of numbers as networks have them."""
    return (
        isinstance(value, Tensor)
        and (value.layout, value.device.type) == (torch.strided, "cpu")
        and not (value.is_quantized or value.is_complex())
        and (value.dtype in FLOATS or not value.is_floating_point())
    )
