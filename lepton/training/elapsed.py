"""Elapsed: how much of their training runs have behind them; and which epochs count."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from lepton.method import Method
from lepton.training.start_score import START


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


def is_new_best(
    methods: Sequence[Method],
    epochs: int,
    epoch: int,
    score: float,
    best: tuple[float, int],
) -> bool:
    """True for an epoch whose weights are from now on the best, whose score and epoch `best` has.

    What was best in an epoch before the first that counts is forgotten: its training was easier.
    So is the start, but where growing methods say that it may stay; then none of these replaces it.
    """
    first, (best_score, best_epoch) = first_candidate(methods, epochs), best
    start_stays = all(method.start_may_stay for method in methods if method.grows_until)
    if start_stays and best_epoch == START:
        return epoch >= first and score > best_score
    return score > (-math.inf if 0 < first >= epoch else best_score)
