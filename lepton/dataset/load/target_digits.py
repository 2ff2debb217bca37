"""The digits of targets: kept as read, and learned from in 32 bits where these are enough."""

import numpy as np
import torch
from torch import Tensor

from lepton.dataset.clean.target import OWN_TARGET, Target
from lepton.method import Batch
from lepton.spec import DataSpec, is_far


def target_tensor(target: Target, rows: np.ndarray) -> Tensor:
    """The target of these of the kept rows: classes as its loss takes them, quantities as read."""
    values = np.asarray(target.values)
    taken = torch.from_numpy(values[rows])
    if target.task == "regression":
        return taken.double()
    if target.task == OWN_TARGET:
        is_wide = values.dtype == np.float64 and any(
            is_far(float(column.mean()), float(column.std()))
            for column in values.reshape(len(values), -1).T
        )
        return taken if is_wide or not taken.is_floating_point() else taken.float()
    return taken.to(torch.int64 if target.task == "multiclass" else torch.float32)


def target_to_learn(target: Tensor, spec: DataSpec) -> Tensor:
    """A target as batches of training and validation hold it: in 64 bits where 32 lose digits."""
    is_wide = target.dtype == torch.float64 and spec.task == "regression"
    return target.float() if is_wide and not spec.is_target_far else target


def with_target_to_learn(rows: Batch, spec: DataSpec) -> Batch:
    """Rows with their target as `target_to_learn` makes it."""
    return {**rows, "target": target_to_learn(rows["target"], spec)}


def on_device(rows: Batch, device: torch.device) -> Batch:
    """Rows moved to a device as they are; Apple's GPUs have no numbers of 64 bits."""
    dtype = torch.float32 if device.type == "mps" else torch.float64
    return {
        name: tensor.to(device, dtype if tensor.dtype == torch.float64 else None)
        for name, tensor in rows.items()
    }


def in_dtype(batch: Batch, dtype: torch.dtype, device: torch.device | None = None) -> Batch:
    """A batch in a model's float type, on its device; target and weights of 64 bits stay so."""
    return {
        name: tensor.to(device, dtype if is_converted(name, tensor) else None)
        for name, tensor in batch.items()
    }


def is_converted(name: str, tensor: Tensor) -> bool:
    """True for what a model computes with: floats, but no target or weights of 64 bits."""
    is_kept = name in ("target", "weight") and tensor.dtype == torch.float64
    return tensor.is_floating_point() and not is_kept
