"""Reads the weights that `init_from` names: of a run, a folder or a file."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from lepton.errors import LeptonError
from lepton.finetune.machinery.adapters import merge_adapters
from lepton.pretrained.weight_files import is_network_run, weight_files
from lepton.spec import DataSpec
from lepton.values.finite import not_finite_names

if TYPE_CHECKING:
    from lepton.training.network import Network

FLOAT_TYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
STATE_KEYS = ("state_dict", "model_state_dict", "model")  # that hold the weights in other tools
MAX_NAMES_SHOWN = 5

State = dict[str, Tensor]
ColumnKeys = tuple[int, Sequence[Hashable]]  # along which dimension, and what its indices stand for


@dataclass
class SourceWeights:
    """Weights to start from; those of a run know their columns and what their head predicts.

    `columns` are the tensors that have an index for each column or category, by name. `strict`:
    tensors that the network does not know are a mistake.
    """

    name: str
    state: State
    columns: dict[str, ColumnKeys] = field(default_factory=dict)
    spec: DataSpec | None = None
    strict: bool = True


def read_source_weights(init_from: str, load_network: Callable[[Path], "Network"]) -> SourceWeights:
    """The weights that `init_from` names; `load_network` reads a run.

    Raises: LeptonError when a file cannot be read, or holds more than finite tensors.
    """
    path = Path(init_from)
    if is_network_run(path):
        network = load_network(path)
        model, spec = merge_adapters(network.model), network.spec
        columns = column_keys(model, spec)
        source = SourceWeights(init_from, model.state_dict(), columns, spec)
    else:
        state: State = {}
        for file in weight_files(path):
            state |= _read_tensors(file)
        source = SourceWeights(init_from, state, strict=path.is_file())
    if name := next(not_finite_names(source.state), None):
        raise LeptonError(f"init_from={init_from}: {name} holds values that are not finite")
    return source


def column_keys(model: nn.Module, spec: DataSpec) -> dict[str, ColumnKeys]:
    """The tensors that have an index for each column or category, where the network tells."""
    columns = getattr(model, "columns", None)
    return columns(spec) if columns else {}


def _read_tensors(path: Path) -> State:
    """The named tensors of a file.

    Raises: LeptonError when it holds anything else.
    """
    try:
        if path.suffix == ".safetensors":
            content = load_file(path)
        else:
            content = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as e:  # of several unrelated kinds
        message = str(e) if path.suffix == ".safetensors" else "no archive of tensors"
        reason = " ".join(message.split())[:200] or type(e).__name__
        raise LeptonError(f"init_from={path}: not a file of weights alone ({reason})") from None
    for key in STATE_KEYS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping):
        raise _no_tensors(path, f"a {type(content).__name__}")
    odd_names = [
        str(name)
        for name, value in content.items()
        if not (isinstance(name, str) and _is_plain_tensor(value))
    ]
    if odd_names:
        raise _no_tensors(path, str(odd_names[:MAX_NAMES_SHOWN]))
    return dict(content)


def _no_tensors(path: Path, content: str) -> LeptonError:
    return LeptonError(f"init_from={path}: holds other things than named tensors ({content})")


def _is_plain_tensor(value: object) -> bool:
    """True for a tensor of numbers as networks have them."""
    return (
        isinstance(value, Tensor)
        and (value.layout, value.device.type) == (torch.strided, "cpu")
        and not (value.is_quantized or value.is_complex())
        and (value.dtype in FLOAT_TYPES or not value.is_floating_point())
    )
