"""The guard of a stack's trial: compares every step of every member, and of its optimizer."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lepton import build
from lepton.optimizer.parameter_groups import parameter_groups
from lepton.vectorize.guard import StackGuard, StackMismatch
from lepton.vectorize.hyperparameters import BETAS, StackedHyperparameters

if TYPE_CHECKING:
    from lepton.vectorize.stack import Stack

TOLERATED_GAP = 1e-3  # relative to the length of a step
ROUNDING_STEPS = 4  # of a weight: both formulas round it after each operation


class FirstStepsGuard(StackGuard):
    """Compares every step of every member."""

    def __init__(self, seed: int):
        super().__init__(seed)
        self.optimizers: list[OptimizerAlone] = []

    def chooses(self, step: int) -> bool:
        self.chosen_step = step
        return True

    def rows(self, members: int) -> list[int]:
        return list(range(members))

    @contextmanager
    def optimizer_step(self, stack: "Stack") -> Iterator[None]:
        if not self.optimizers:
            self.optimizers = [OptimizerAlone(stack, row) for row in range(len(stack.members))]
        for optimizer in self.optimizers:
            optimizer.step(stack.weights.values, stack.weights.grads, stack.hyper)
        yield
        for optimizer in self.optimizers:
            optimizer.check(stack.weights.values)


class OptimizerAlone:
    """A member's optimizer as its run alone has it, given the member's weights and gradients."""

    def __init__(self, stack: "Stack", row: int):
        network, weights = stack.members[row].network, stack.weights.values[0]
        self.row = row
        model = copy.deepcopy(network.trained_module).to(weights.device, weights.dtype)
        groups = parameter_groups(model)
        self.parameters = [parameter for group in groups for parameter in group["params"]]
        self.optimizer = build.component(network.config, "optimizer", params=groups)

    @torch.no_grad()
    def step(
        self, values: Sequence[Tensor], grads: Sequence[Tensor], hyper: StackedHyperparameters
    ) -> None:
        """Makes the coming step of the stack. Shapes: values and grads each (K, n)."""
        for group in self.optimizer.param_groups:
            numbers = {name: float(hyper[name][self.row]) for name in hyper.tensors}
            if not group["decay"]:
                numbers["weight_decay"] = 0.0
            if "betas" in group:
                group["betas"] = tuple(numbers.pop(name) for name in BETAS)
            group |= {name: number for name, number in numbers.items() if name in group}
        self.before = [value[self.row].clone() for value in values]
        for parameter, value, grad in zip(self.parameters, self.before, grads, strict=True):
            parameter.copy_(value.view_as(parameter))
            parameter.grad = grad[self.row].view_as(parameter).clone()
        self.optimizer.step()

    @torch.no_grad()
    def check(self, values: Sequence[Tensor]) -> None:
        """Compares the weights after the step. Shapes: values each (K, n).

        Raises: StackMismatch.
        """
        start, alone, stacked = (
            torch.cat([tensor.flatten() for tensor in tensors]).double()
            for tensors in (self.before, self.parameters, [value[self.row] for value in values])
        )
        if not torch.isfinite(alone).all():
            return  # the member ends by that, as alone
        gap, length = float((stacked - alone).norm()), float((alone - start).norm())
        rounding = ROUNDING_STEPS * torch.finfo(values[0].dtype).eps * float(start.norm())
        if not gap <= TOLERATED_GAP * length + rounding:
            name = type(self.optimizer).__name__
            raise StackMismatch(
                f"the stack's {name} makes another step than the run's own: they are {gap:.2g} "
                f"apart in a step of length {length:.2g}"
            )
