"""APGD: gradient steps with momentum, whose length is halved where they lead no further."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lepton.attack.found import Found
from lepton.attack.goal import Goal
from lepton.attack.neighbourhood import Neighbourhood
from lepton.attack.rows import Change, each, of_rows, where

MOMENTUM = 0.75
RISES = 0.75  # of the steps between two checkpoints must raise the loss, or the step is halved
FIRST_CHECK, FEWER, LEAST = 0.22, 0.03, 0.06  # of all steps: between checkpoints


@dataclass
class Point:
    """Where a search is: a change of each row, its loss, and the gradient there."""

    change: Change
    loss: Tensor
    gradient: Change

    def or_at(self, rows: Tensor, other: "Point") -> "Point":
        """The other point in rows that are true."""
        return Point(
            where(rows, other.change, self.change),
            torch.where(rows, other.loss, self.loss),
            where(rows, other.gradient, self.gradient),
        )


class StepLengths:
    """The length of each row's step, halved at checkpoints where it brings too little."""

    def __init__(self, first: float, steps: int, loss: Tensor):
        self.lengths = torch.full_like(loss, first)
        self.window = max(int(FIRST_CHECK * steps), 1)
        self.fewer, self.least = max(int(FEWER * steps), 1), max(int(LEAST * steps), 1)
        self.since, self.rises = 0, torch.zeros_like(loss)
        self.was_halved = torch.ones_like(loss, dtype=torch.bool)
        self.best_before = loss

    def checked(self, *, rose: Tensor, best: Tensor) -> Tensor | None:
        """The rows whose step was halved now, at a checkpoint; None between two of them."""
        self.since, self.rises = self.since + 1, self.rises + rose
        if self.since < self.window:
            return None
        is_stuck = ~self.was_halved & (best <= self.best_before)
        halved = (self.rises <= RISES * self.window) | is_stuck
        self.lengths = torch.where(halved, self.lengths / 2, self.lengths)
        self.was_halved, self.best_before = halved, best
        self.window = max(self.window - self.fewer, self.least)
        self.since, self.rises = 0, torch.zeros_like(best)
        return halved


def apgd(goal: Goal, around: Neighbourhood, *, start: Change, steps: int) -> Found:
    """The worst change on the way; it ends when all rows are broken.

    Source: Croce and Hein 2020, https://arxiv.org/abs/2003.01690, algorithm 1
    """
    here, broken = _look(goal, around, start)
    found, best, previous = Found(start, broken, here.loss), here, start
    lengths = StepLengths(2 * float(around.epsilon), steps, here.loss)
    for number in range(steps):
        if bool(found.broken.all()):
            break
        momentum = MOMENTUM if number else 1.0
        change = _next(around, here, previous, lengths.lengths, momentum)
        previous, earlier = here.change, here.loss
        here, broken = _look(goal, around, change)
        found = found.or_worse(Found(change, broken, here.loss))
        best = best.or_at(here.loss > best.loss, here)
        halved = lengths.checked(rose=here.loss > earlier, best=best.loss)
        if halved is not None:
            here = here.or_at(halved, best)
    return found


def _look(goal: Goal, around: Neighbourhood, change: Change) -> tuple[Point, Tensor]:
    gradient, loss, broken = around.judged_gradient(goal.judge, change)
    return Point(change, loss, gradient), broken


def _next(
    around: Neighbourhood, here: Point, previous: Change, lengths: Tensor, momentum: float
) -> Change:
    way = around.steepest(here.gradient, here.change)
    stepped = around.project(
        each(lambda delta, g: delta + of_rows(lengths, g) * g, here.change, way)
    )
    return around.project(
        each(
            lambda delta, new, old: (
                delta + momentum * (new - delta) + (1 - momentum) * (delta - old)
            ),
            here.change,
            stepped,
            previous,
        )
    )
