"""Rows mixed with partners from the same batch, their targets in the same shares."""

import torch
from torch import Tensor

from lepton.errors import ConfigError
from lepton.loss.weighted_mean import at_least_tiny
from lepton.spec import PRESENCE, DataSpec
from lepton.task.soft_targets import as_probabilities

Batch = dict[str, Tensor]
MIXABLE_TASKS = ("binary", "multiclass", "multilabel", "regression")


def require_mixable(option: str, spec: DataSpec, kinds: tuple[str, ...] | None = None) -> None:
    """Raises: ConfigError for a target that cannot be mixed, for rows that may lack inputs, and
    where kinds are given for inputs of others, which would stay beside a mixed target.

    `option` is called as on the command line, "augmentation=mixup".
    """
    group = option.partition("=")[0]
    if spec.task not in MIXABLE_TASKS or not spec.target_names:
        raise ConfigError(
            f"{group}, task: {option} mixes the targets of two rows, and these "
            "have none that can be; leave it out"
        )
    others = [kind for kind in spec.kinds if kind not in (*(kinds or spec.kinds), PRESENCE)]
    if others:
        raise ConfigError(
            f"{group}, dataset: {option} mixes the targets of two rows, and "
            f"cannot mix their inputs of the kind {others[0]}; leave it out"
        )
    if spec.inputs.get(PRESENCE, {}).get("absence") == "keep":
        raise ConfigError(
            f"{group}, dataset.absent: {option} mixes two rows, and has nothing "
            "to mix where one of them lacks an input; dataset.absent=drop leaves such rows out"
        )


def mixed_target(batch: Batch, share: Tensor, partners: Tensor, classes: int) -> Batch:
    """The batch with mixed targets; where rows have weights, each counts by its own in a mixture.

    So the loss is that for both targets, each by its share and its row's weight.
    Shapes: share (B,), of the row itself; partners (B,), places in the batch.
    """
    target = as_probabilities(batch["target"], classes)
    if "weight" in batch:
        own, other = share * batch["weight"], (1 - share) * batch["weight"][partners]
        weight = own + other
        share = torch.where(weight > 0, own / at_least_tiny(weight), share)
        batch = batch | {"weight": weight.to(batch["weight"].dtype)}
    return batch | {"target": blend(target, target[partners], share)}


def blend(own: Tensor, other: Tensor, share: Tensor) -> Tensor:
    """A share of each row and the rest of its partner. Shapes: (B, ...) twice, (B,)."""
    share = share.reshape(-1, *[1] * (own.ndim - 1)).to(own.dtype)
    return share * own + (1 - share) * other
