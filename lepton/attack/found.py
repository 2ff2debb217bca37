"""Found: the worst change of each row that an attack has come upon."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from lepton.attack.goal import Goal
from lepton.attack.neighbourhood import Neighbourhood
from lepton.attack.rows import Change, each, where


@dataclass(frozen=True)
class Found:
    """A change of each row, the loss with it, and whether the row is broken by it.

    Shapes: broken and loss (B,).
    """

    change: Change
    broken: Tensor
    loss: Tensor

    def or_worse(self, other: "Found") -> "Found":
        """Of each row what breaks it, else what has the larger loss; itself where equal."""
        is_worse = torch.where(self.broken == other.broken, other.loss > self.loss, other.broken)
        return Found(
            where(is_worse, other.change, self.change),
            torch.where(is_worse, other.broken, self.broken),
            torch.where(is_worse, other.loss, self.loss),
        )

    def at(self, places: Tensor) -> "Found":
        """What was found of some rows. Shapes: places (b,)."""
        change = each(lambda values: values[places], self.change)
        return Found(change, self.broken[places], self.loss[places])

    def with_rows(self, places: Tensor, some: "Found") -> "Found":
        """What was found, with that of some rows anew. Shapes: places (b,)."""
        change = each(lambda a, b: a.index_copy(0, places, b), self.change, some.change)
        broken = self.broken.index_copy(0, places, some.broken)
        return Found(change, broken, self.loss.index_copy(0, places, some.loss))


def found_at(goal: Goal, around: Neighbourhood, change: Change) -> Found:
    """What a change does, with a single look at the model."""
    with torch.no_grad():
        loss, broken = goal.judge(around.moved(change))
    return Found(change, broken, loss)


def in_turns(around: Neighbourhood, attempts: Iterable[Callable[[Neighbourhood], Found]]) -> Found:
    """What several attempts find, each of which is made on the rows that are not yet broken."""
    first, *others = attempts
    found = first(around)
    for attempt in others:
        left = (~found.broken).nonzero()[:, 0]
        if len(left):
            found = found.with_rows(left, found.at(left).or_worse(attempt(around.at(left))))
    return found
