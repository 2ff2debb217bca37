"""The norms by which a change of inputs is measured: its ball, and the steepest way in it."""

from typing import Literal, Protocol

import torch
from torch import Tensor

from lepton.attack.rows import of_rows
from lepton.loss.weighted_mean import at_least_tiny
from lepton.randomness.draw import Draw

NormName = Literal["linf", "l2"]


class PerturbationNorm(Protocol):
    """A norm of the change of one tensor, row by row.

    Shapes: change and gradient (B, ...); epsilon a number, or a tensor without dimensions.
    """

    def project(self, change: Tensor, epsilon: Tensor | float) -> Tensor:
        """The nearest change in the ball around 0."""
        ...

    def steepest(self, gradient: Tensor) -> Tensor:
        """The change of norm 1 by which a linear function with this gradient grows most."""
        ...

    def random(self, own: Draw, like: Tensor, epsilon: Tensor | float) -> Tensor:
        """A change drawn uniformly from the ball, of each row by its own numbers."""
        ...

    def size(self, change: Tensor) -> Tensor:
        """The norm of each row. Shapes: -> (B,)."""
        ...


class Linf:
    """The largest change of any number."""

    def project(self, change: Tensor, epsilon: Tensor | float) -> Tensor:
        bound = torch.as_tensor(epsilon, dtype=change.dtype, device=change.device)
        return torch.minimum(torch.maximum(change, -bound), bound)

    def steepest(self, gradient: Tensor) -> Tensor:
        return gradient.sign()

    def random(self, own: Draw, like: Tensor, epsilon: Tensor | float) -> Tensor:
        numbers = own.uniform(like.shape[1:]).to(like.dtype)
        return (2 * numbers - 1) * epsilon

    def size(self, change: Tensor) -> Tensor:
        return change.flatten(1).abs().amax(1)


class L2:
    """The root of the sum of squares over all numbers of a row."""

    def project(self, change: Tensor, epsilon: Tensor | float) -> Tensor:
        shrink = (epsilon / at_least_tiny(self.size(change))).clamp(max=1)
        return change * of_rows(shrink, change)

    def steepest(self, gradient: Tensor) -> Tensor:
        largest = of_rows(at_least_tiny(gradient.flatten(1).abs().amax(1)), gradient)
        scaled = gradient / largest  # whose squares do not underflow
        return scaled / of_rows(at_least_tiny(self.size(scaled)), gradient)

    def random(self, own: Draw, like: Tensor, epsilon: Tensor | float) -> Tensor:
        direction = self.steepest(own.normal(like.shape[1:]).to(like.dtype))
        radius = own.uniform().to(like.dtype) ** (1 / max(like[0].numel(), 1))
        return direction * of_rows(radius, like) * epsilon

    def size(self, change: Tensor) -> Tensor:
        return change.flatten(1).square().sum(1).sqrt()


NORMS: dict[NormName, PerturbationNorm] = {"linf": Linf(), "l2": L2()}
