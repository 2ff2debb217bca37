"""The Euclidean length of a row's whole change, over all places where it enters."""

import torch
from torch import Tensor

from lepton.attack.rows import Change, of_rows
from lepton.loss.weighted_mean import at_least_tiny


def lengths(change: Change) -> Tensor:
    """The length of the change of each row. Shapes: each (B, ...) -> (B,)."""
    return torch.linalg.vector_norm(torch.stack(_lengths_of_places(change)), dim=0)


def of_length(change: Change, length: Tensor | float) -> Change:
    """The change of each row, made so long; none where it has no direction."""
    largest = torch.stack([d.flatten(1).abs().amax(1) for d in change.values()]).amax(0)
    scaled = _times(change, 1 / at_least_tiny(largest))  # whose squares do not underflow
    unit = _times(scaled, 1 / at_least_tiny(lengths(scaled)))
    return {name: length * delta for name, delta in unit.items()}


def at_most(change: Change, length: Tensor | float) -> Change:
    """The change of each row, shortened to this length where it is longer."""
    return _times(change, (length / at_least_tiny(lengths(change))).clamp(max=1))


def _lengths_of_places(change: Change) -> list[Tensor]:
    return [torch.linalg.vector_norm(delta.flatten(1), dim=1) for delta in change.values()]


def _times(change: Change, factors: Tensor) -> Change:
    """Each row times a number of its own. Shapes: factors (B,)."""
    return {name: delta * of_rows(factors, delta).to(delta.dtype) for name, delta in change.items()}
