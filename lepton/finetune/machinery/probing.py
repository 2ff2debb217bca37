"""Strategies that train the head by itself: alone, or before everything else."""

from typing import Protocol, runtime_checkable

from torch import nn


@runtime_checkable
class TrainsHeadAlone(Protocol):
    """A strategy that trains nothing but the head.

    `standardize`: a linear head is trained on features of mean 0 and deviation 1.
    """

    probes: bool
    standardize: bool


@runtime_checkable
class ProbesFirst(Protocol):
    """A strategy with two phases, of which the first trains the head alone, at a rate of its own.

    `standardize`: as that of TrainsHeadAlone, in the first phase.
    """

    probe_epochs: int
    probe_lr: float
    standardize: bool

    def thaw(self, model: nn.Module) -> None:
        """Makes trainable what the second phase trains."""
        ...
