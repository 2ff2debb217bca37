"""What a frozen backbone makes of a data set: computed once, kept by content, batched."""

import hashlib
import json
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from lepton.compat.lightning import pl
from lepton.config.identity import with_content_for_path
from lepton.dataset.data import Data
from lepton.finetune.machinery.adapters import is_adapter
from lepton.finetune.machinery.layers import layers, made_new
from lepton.pretrained import init_weights
from lepton.storage.cache import cached

KNOWN: WeakKeyDictionary = WeakKeyDictionary()  # of data in use: their content and features
SPLITS = ("train", "val", "test")
NOT_INPUTS = ("target", "id")
FEATURE_PACKAGES = (  # whose modules a backbone is made of
    *("torch", "transformers", "peft"),
    *("rtdl-revisiting-models", "rtdl-num-embeddings", "tabm"),
)
Splits = dict[str, dict[str, Tensor]]


class FeatureData(Data):
    """A data set with `features` in place of its inputs; batches in the same order."""

    def __init__(self, data, splits: Splits):
        pl.LightningDataModule.__init__(self)
        self.splits, self.spec, self.notes = splits, data.spec, data.notes
        self.batch_size, self.seed = data.batch_size, data.seed
        self.limit_batches, self.overfit_batches = data.limit_batches, data.overfit_batches


def features(
    model: nn.Module, cfg: dict[str, Any], data, compute: Callable[[dict], Tensor]
) -> tuple[Splits, str]:
    """Features, target and id of each split, and the name of their content.

    `compute` gives the features of whole tensors. Each split is kept by itself, so that data sets
    which differ in their training rows alone share the others.
    """
    backbone, held = _content_of(model, cfg), KNOWN.setdefault(data, {})
    if backbone not in held:
        held[backbone] = {}
        for split in SPLITS:
            inputs = _inputs(data, split)
            key = _hash(backbone, _content_of_inputs(inputs))
            held[backbone][split] = (key, _kept(key, inputs, compute))
    found = held[backbone]
    splits = {
        split: {"features": found[split][1], **{n: data.splits[split][n] for n in NOT_INPUTS}}
        for split in SPLITS
    }
    return splits, _hash(*(key for key, _ in found.values()))


def _kept(key: str, inputs: dict[str, Tensor], compute: Callable[[dict], Tensor]) -> Tensor:
    def make() -> bytes:
        return save({"features": compute(inputs).contiguous()})

    file = f"{key}.safetensors"
    return cached("features", file, make, load, computed_by=FEATURE_PACKAGES)["features"]


def _inputs(data, split: str) -> dict[str, Tensor]:
    return {name: t for name, t in data.splits[split].items() if name not in NOT_INPUTS}


def _content_of(model: nn.Module, cfg: dict[str, Any]) -> str:
    """A hash of all that features depend on but inputs and versions: a backbone without adapters.

    What was loaded whole from files of known content is told by that, without looking at it.
    """
    head = tuple(f"{name}." for name in layers(model)[-1])
    whole = None if hasattr(model, "columns") else init_weights.base(cfg)["sha256"]
    dtype = str(next(model.parameters()).dtype)
    kept = {k: v for k, v in cfg["model"].items() if "dropout" not in k}  # none in eval mode
    about = [with_content_for_path(kept), dtype, whole]
    found = hashlib.sha256(json.dumps(about, default=str).encode())
    for name, tensor in model.state_dict().items():
        below = not (is_adapter(name) or f"{name}.".startswith(head))
        if below and (whole is None or name in made_new(model)):
            _add(found, name.replace(".base_layer.", "."), tensor)
    return found.hexdigest()


def _content_of_inputs(inputs: dict[str, Tensor]) -> str:
    found = hashlib.sha256()
    for name, tensor in sorted(inputs.items()):
        _add(found, name, tensor)
    return found.hexdigest()


def _hash(*parts: str) -> str:
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:32]


def _add(found, name: str, tensor: Tensor) -> None:
    found.update(f"{name} {[*tensor.shape]} {tensor.dtype}".encode())
    found.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
