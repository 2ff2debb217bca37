"""What a frozen backbone makes of a data set: computed once, kept by content, batched."""

import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from lepton.dataset.data import Data
from lepton.environment import versions
from lepton.files import write_unique
from lepton.finetune.adapters import is_adapter
from lepton.finetune.layers import layers

log = logging.getLogger("lepton")
CACHE = ".cache"  # in the folder of the studies
SPLITS = ("train", "val", "test")
Splits = dict[str, dict[str, Tensor]]


class FeatureData(Data):
    """A data set with `features` in place of its inputs; batches in the same order."""

    def __init__(self, data, splits: Splits):
        pl.LightningDataModule.__init__(self)
        self.splits, self.spec, self.notes = splits, data.spec, data.notes
        self.batch_size, self.seed = data.batch_size, data.seed
        self.limit_batches, self.overfit_batches = data.limit_batches, data.overfit_batches


class Probe(nn.Module):
    """The head of a model, under the name it has there, on features.

    Shapes: features (B, D), or (B, K, D) for K parallel predictions -> as the model's.
    """

    def __init__(self, model: nn.Module):
        super().__init__()
        [self.path] = layers(model)[-1]
        *parents, last = self.path.split(".")
        place: nn.Module = self
        for name in parents:
            place.add_module(name, nn.Module())
            place = place.get_submodule(name)
        place.add_module(last, model.head)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        return self.get_submodule(self.path)(batch["features"])


def features(
    model: nn.Module, cfg: dict[str, Any], data, compute: Callable[[dict], Tensor]
) -> tuple[Splits, str]:
    """Features, target and id of each split, and the name of their content.

    `compute` gives the features of whole tensors.
    """
    key = content(model, cfg, data)
    path = Path(cfg["runs"]) / CACHE / f"features-{key}.safetensors"
    found = _read(path)
    if found is None:
        found = {split: compute(_inputs(data, split)) for split in SPLITS}
        path.parent.mkdir(parents=True, exist_ok=True)
        write_unique(path, save({name: value.contiguous() for name, value in found.items()}))
    splits = {
        split: {"features": found[split], **{n: data.splits[split][n] for n in ("target", "id")}}
        for split in SPLITS
    }
    return splits, key


def _inputs(data, split: str) -> dict[str, Tensor]:
    return {name: t for name, t in data.splits[split].items() if name not in ("target", "id")}


def _read(path: Path) -> dict[str, Tensor] | None:
    try:
        return load_file(path)
    except FileNotFoundError:
        return None
    except (SafetensorError, OSError, ValueError):
        log.warning("%s: damaged; computed anew", path)
        return None


def content(model: nn.Module, cfg: dict[str, Any], data) -> str:
    """A hash of all that features depend on: the backbone without adapters, inputs, versions."""
    head = tuple(f"{name}." for name in layers(model)[-1])
    about = [cfg["model"], cfg["trainer"]["precision"], str(next(model.parameters()).dtype)]
    found = hashlib.sha256(json.dumps([about, versions()], default=str).encode())
    for name, tensor in model.state_dict().items():
        plain = name.replace(".base_layer.", ".")
        if not (is_adapter(name) or f"{name}.".startswith(head)):
            _add(found, plain, tensor)
    for split in SPLITS:
        for name, tensor in sorted(_inputs(data, split).items()):
            _add(found, f"{split} {name}", tensor)
    return found.hexdigest()[:24]


def _add(found, name: str, tensor: Tensor) -> None:
    found.update(f"{name} {[*tensor.shape]} {tensor.dtype}".encode())
    found.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
