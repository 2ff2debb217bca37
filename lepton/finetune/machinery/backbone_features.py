"""Features of a data set from a frozen backbone: computed once, cached by content, batched."""

import hashlib
import json
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from lepton.compat.lightning import pl
from lepton.config.identity import with_content_for_path
from lepton.config.input_kinds import without_idle_encoders
from lepton.dataset.data import Data
from lepton.dataset.load.batch_cutter import NOT_INPUTS
from lepton.finetune.machinery.adapters import ADAPTED, is_adapter
from lepton.finetune.machinery.layers import named_layers, new_parameters
from lepton.pretrained.base_weights import starting_weights
from lepton.storage.cache import cached

Rows = dict[str, Tensor]
FeatureSplits = dict[str, Rows]
NamedFeatures = dict[str, dict[str, tuple[str, Tensor]]]  # by backbone, then by split
FEATURES_IN_USE: WeakKeyDictionary[Data, NamedFeatures] = WeakKeyDictionary()
DIGEST_ROWS = 1024  # that are in memory at a time
FEATURE_PACKAGES = (  # whose modules a backbone is made of
    *("torch", "transformers", "peft"),
    *("rtdl-revisiting-models", "rtdl-num-embeddings", "tabm"),
)


class FeatureData(Data):
    """A data set with `features` in place of its inputs; batches in the same order."""

    def __init__(self, data: Data, splits: FeatureSplits):
        pl.LightningDataModule.__init__(self)
        self.splits, self.spec, self.notes, self.inputs = splits, data.spec, data.notes, []
        self.batch_size, self.seed, self.weights = data.batch_size, data.seed, data.weights
        self.row_chances = data.row_chances
        self.limit_batches, self.overfit_batches = data.limit_batches, data.overfit_batches


def backbone_features(
    model: nn.Module, config: dict[str, Any], data: Data, compute: Callable[[Rows], Tensor]
) -> tuple[FeatureSplits, str]:
    """Features, target and id of each split, and a name for the content of all features.

    `compute` gives the features of whole tensors. Each split is cached by itself, so that data
    sets which differ in their training rows alone share the others.
    """
    backbone = _backbone_digest(model, config)
    features_by_backbone = FEATURES_IN_USE.setdefault(data, {})
    if backbone not in features_by_backbone:
        features_by_backbone[backbone] = {}
        for split in data.splits:
            inputs = _inputs(data.splits[split])
            key = _joint_digest(backbone, _inputs_digest(inputs))
            features_by_backbone[backbone][split] = (key, _cached_features(key, inputs, compute))
    features_by_split = features_by_backbone[backbone]
    splits = {
        split: {"features": features, **_not_inputs(data.splits[split])}
        for split, (_, features) in features_by_split.items()
    }
    return splits, _joint_digest(*(key for key, _ in features_by_split.values()))


def computed_features(data: Data, compute: Callable[[Rows], Tensor]) -> FeatureSplits:
    """The same splits from weights of a run's own, whose features no other run has a use for."""
    return {
        split: {"features": compute(_inputs(rows)), **_not_inputs(rows)}
        for split, rows in data.splits.items()
    }


def _inputs(rows: Rows) -> Rows:
    return {name: values for name, values in rows.items() if name not in NOT_INPUTS}


def share_features(whole: Data, part: Data, places: dict[str, np.ndarray]) -> None:
    """Gives a data set that is made of training rows of another what is known of their features.

    Shapes: places of a split of the part (rows,), among the training rows of the whole.
    """
    shared = FEATURES_IN_USE.setdefault(part, {})
    for backbone, by_split in FEATURES_IN_USE.get(whole, {}).items():
        key, features = by_split["train"]
        shared[backbone] = {
            split: (_joint_digest(key, str(rows.tolist())), features[torch.from_numpy(rows)])
            for split, rows in places.items()
        }


def _not_inputs(rows: Rows) -> Rows:
    return {name: rows[name] for name in NOT_INPUTS if name in rows}


def _cached_features(key: str, inputs: Rows, compute: Callable[[Rows], Tensor]) -> Tensor:
    def make() -> bytes:
        return save({"features": compute(inputs).contiguous()})

    file = f"{key}.safetensors"
    return cached("features", file, make, load, computed_by=FEATURE_PACKAGES)["features"]


def _backbone_digest(model: nn.Module, config: dict[str, Any]) -> str:
    """A hash of all that features depend on but inputs and versions: a backbone without adapters.

    Weights that were loaded whole from files of known content are told by that content alone.
    """
    head = tuple(f"{name}." for name in named_layers(model)[-1])
    whole = None if hasattr(model, "columns") else starting_weights(config)["sha256"]
    dtype = str(next(model.parameters()).dtype)
    model_options = without_idle_encoders(config)["model"]
    options = {k: v for k, v in model_options.items() if "dropout" not in k}  # none in eval mode
    text = json.dumps([with_content_for_path(options), dtype, whole], default=str)
    digest = hashlib.sha256(text.encode())
    for name, tensor in model.state_dict().items():
        is_below_head = not (is_adapter(name) or f"{name}.".startswith(head))
        if is_below_head and (whole is None or name in new_parameters(model)):
            _update_digest(digest, name.replace(ADAPTED, "."), tensor)
    return digest.hexdigest()


def _inputs_digest(inputs: Rows) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(inputs.items()):
        _update_digest(digest, name, tensor)
    return digest.hexdigest()


def _joint_digest(*digests: str) -> str:
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()[:32]


def _update_digest(digest: "hashlib._Hash", name: str, tensor: Tensor) -> None:
    digest.update(f"{name} {[*tensor.shape]} {tensor.dtype}".encode())
    whole = tensor if tensor.dim() else tensor[None]
    for start in range(0, len(whole), DIGEST_ROWS):
        rows = whole[start : start + DIGEST_ROWS]
        digest.update(rows.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
