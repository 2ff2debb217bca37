"""Neighbourhood: what the rows of a batch may become under attack, as changes around what they are.

A change has the tensors that are attacked, each in its unit, so that epsilon means the same in all.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.func import grad

from lepton.attack.norms import PerturbationNorm
from lepton.attack.rows import Change, each
from lepton.dataset.load.batch_cutter import take
from lepton.method import Batch
from lepton.randomness.draw import Draw

RowLosses = Callable[[Batch], Tensor]  # of a batch, a number a row, which an attack raises
Judge = Callable[[Batch], tuple[Tensor, Tensor]]  # what is raised of each row, and which are broken
Snap = Callable[[str, Tensor, Tensor], Tensor]  # of a tensor's name, its values and the clean ones


@dataclass(frozen=True, kw_only=True)
class Neighbourhood:
    """The changes of norm `epsilon` at most, of each kind of inputs by itself, within limits.

    What it computes are tensor operations alone, which work under vmap and torch.func.
    Shapes: clean, fall and rise (B, ...); unit broadcasts with them; epsilon without dimensions.
    Units: fall (not above 0) and rise (not below 0), how far values may go, are in `unit`.
    """

    batch: Batch
    clean: Change
    unit: Change
    fall: Change
    rise: Change
    epsilon: Tensor | float
    norm: PerturbationNorm
    snap: Snap | None = None

    def moved(self, change: Change) -> Batch:
        """The batch with changed rows; the gradient passes limits and `snap` as if without them."""
        return self.batch | {name: self._moved(name, delta) for name, delta in change.items()}

    def none(self) -> Change:
        """No change."""
        return each(torch.zeros_like, self.clean)

    def random(self, draw: Draw) -> Change:
        """A change from anywhere in the ball, each row by its own numbers; then within limits."""
        own = draw.each(self.batch["id"])
        drawn = each(lambda like: self.norm.random(own, like, self.epsilon), self.clean)
        return self.project(drawn)

    def project(self, change: Change) -> Change:
        """A change that is allowed: moved into the ball, then within limits, which is exact for
        linf; for l2 it is in both, and not always the nearest."""
        near = each(lambda delta: self.norm.project(delta, self.epsilon), change)
        return each(
            lambda delta, fall, rise: torch.minimum(torch.maximum(delta, fall), rise),
            near,
            self.fall,
            self.rise,
        )

    def steepest(self, gradient: Change, change: Change) -> Change:
        """The way of norm 1 by which losses grow most from a change, among numbers with room."""
        return each(
            lambda g, delta, fall, rise: self.norm.steepest(
                torch.where(torch.where(g > 0, delta < rise, delta > fall), g, 0)
            ),
            gradient,
            change,
            self.fall,
            self.rise,
        )

    def gradient(self, losses: RowLosses, change: Change) -> Change:
        """How the loss of each row grows with its own change; weights get no gradient of it."""
        with torch.no_grad():
            return grad(lambda delta: losses(self.moved(delta)).sum())(change)

    def judged_gradient(self, judge: Judge, change: Change) -> tuple[Change, Tensor, Tensor]:
        """The gradient of what is judged, and both that the judge says of each row."""

        def raised(delta: Change) -> tuple[Tensor, tuple[Tensor, Tensor]]:
            losses, is_broken = judge(self.moved(delta))
            return losses.sum(), (losses, is_broken)

        with torch.no_grad():
            gradient, (losses, is_broken) = grad(raised, has_aux=True)(change)
        return gradient, losses, is_broken

    def at(self, index: Tensor) -> "Neighbourhood":
        """The neighbourhood of some of the rows. Shapes: index (b,)."""
        parts = (self.clean, self.fall, self.rise)
        clean, fall, rise = (each(lambda values: values[index], part) for part in parts)
        batch = {name: take(values, index) for name, values in self.batch.items()}
        return replace(self, batch=batch, clean=clean, fall=fall, rise=rise)

    def _moved(self, name: str, delta: Tensor) -> Tensor:
        clean, unit = self.clean[name], self.unit[name]
        free = clean + delta * unit
        lowest, highest = (clean + room[name] * unit for room in (self.fall, self.rise))
        value = torch.minimum(torch.maximum(free, lowest), highest)
        if self.snap is not None:
            value = self.snap(name, value, clean)
        return free + (value - free).detach()
