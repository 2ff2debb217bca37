"""Elapsed: how much of their training runs have behind them; and which epochs count."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from lepton.method import Method


class Elapsed:
    """The share of its training that each of K runs has behind it, where these train together.

    It is a tensor that changes in place, so that a replayed step has its own.
    Shapes: `shares` (K,), from 0 to below 1.
    """

    def __init__(self, epochs: Sequence[int], device: torch.device):
        """`epochs`: how many each run has in all."""
        self.epochs = torch.tensor(epochs, dtype=torch.float32, device=device)
        self.shares = torch.zeros_like(self.epochs)

    def set(self, epoch: int, done: int, batches: int) -> None:
        """Tells that so many batches of an epoch are over, of all that it has."""
        self.shares.copy_((epoch + done / batches) / self.epochs)

    def keep(self, rows: Tensor) -> None:
        """Goes on with these runs alone."""
        rows = rows.to(self.epochs.device)
        self.epochs, self.shares = self.epochs[rows], self.shares[rows]


def first_candidate(methods: Sequence[Method], epochs: int) -> int:
    """The first of so many epochs that may be the best, from 0: all methods are at their strength.

    Those before score as if for an easier training. The last one may be it always.
    """
    grown = max((method.grows_until for method in methods), default=0.0)
    return min(math.ceil(grown * epochs), epochs - 1)


def forgets_earlier(methods: Sequence[Method], epochs: int, epoch: int) -> bool:
    """True in an epoch up to the first that counts, where earlier scores are for easier training;
    the start counts where the first epoch does."""
    first = first_candidate(methods, epochs)
    return first > 0 and epoch <= first
