"""The guard of a stack: steps at random places are compared with those of the run alone."""

import copy
import random
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from lepton.dataset.load.target_digits import in_dtype
from lepton.method import Batch
from lepton.randomness.streams import DrawStreams
from lepton.seeds import derive
from lepton.training.dropout_masks import MaskStream, StreamDropout
from lepton.training.loss import stream_names
from lepton.training.perturbation import perturbing_method
from lepton.vectorize.forward import Computation, of_submodule

if TYPE_CHECKING:
    from lepton.vectorize.stack import Stack

FIRST_STEP = 4  # the first that may be a replay
WINDOW_GROWTH = 3  # of the number of steps until the end of a window, of which one is compared
LONGEST_WINDOW = 256  # steps
# relative gaps of loss and gradients that need no second look
TOLERANCES = {torch.float32: 3e-5, torch.float64: 1e-9}
ROUNDING_FACTOR = 20  # of the gap between 32 and 64 bits of the run alone: a gap by rounding alone


class StackMismatch(Exception):
    """A stack does not compute what its runs do alone, so that none of it may be recorded."""


class StackGuard:
    """Chooses the steps and members that are compared, the same for the same seed."""

    def __init__(self, seed: int):
        self.seed = seed
        self.window_end, self.chosen_step = 0, -1

    def chooses(self, step: int) -> bool:
        """True for one step of each window, counted from the first of the training."""
        if step >= self.window_end:
            start, self.window_end = window(step)
            length = self.window_end - start
            self.chosen_step = start + derive(self.seed, "guard", start) % length
        return step == self.chosen_step and step >= FIRST_STEP

    def rows(self, members: int) -> list[int]:
        """The members whose step is compared: one, chosen at random."""
        return [derive(self.seed, "guarded", self.chosen_step) % members]

    def comparisons(
        self, stack: "Stack", batch: Batch, *, common: bool, share: float
    ) -> list["StepComparison"]:
        """Comparisons of the coming step."""
        seed = derive(self.seed, "guard numbers", self.chosen_step)
        return [
            StepComparison(stack, row, batch, common=common, share=share, seed=seed)
            for row in self.rows(len(stack.members))
        ]

    def optimizer_step(self, stack: "Stack") -> AbstractContextManager[None]:
        """What is done around a step of the optimizer. Raises: StackMismatch."""
        return nullcontext()


def window(step: int) -> tuple[int, int]:
    """The first step of the window that a step lies in, and of the next one."""
    start, end = 0, FIRST_STEP
    while step >= end:
        start, end = end, min(WINDOW_GROWTH * end, end + LONGEST_WINDOW)
    return start, end


@dataclass(frozen=True)
class StepResult:
    """Shapes: loss (), gradients of all parameters (n,)."""

    loss: Tensor
    gradients: Tensor

    @property
    def is_finite(self) -> bool:
        """True where loss and all gradients are finite numbers."""
        return bool(torch.isfinite(self.loss) & torch.isfinite(self.gradients).all())

    def gap(self, other: "StepResult") -> float:
        """The larger of the relative gaps of loss and gradients."""
        gaps = [
            (mine.double() - its.double()).norm() / (1 + its.double().norm())
            for mine, its in ((self.loss, other.loss), (self.gradients, other.gradients))
        ]
        return float(torch.stack(gaps).max())


class StepComparison:
    """One member's coming step, as its run alone would compute it: with the run's own network,
    methods, dropout masks and draws, and the weights that it has in the stack."""

    def __init__(
        self, stack: "Stack", row: int, batch: Batch, *, common: bool, share: float, seed: int
    ):
        """`seed`: of what torch, numpy and random give meanwhile.

        Shapes: batch (K, B, ...), or (B, ...) where `common`.
        """
        self.stack, self.row, self.share, self.seed = stack, row, share, seed
        self.batch = batch if common else {name: tensor[row] for name, tensor in batch.items()}
        self.masks = stack.mask_stream.fork(row)
        of_layers = {f"{name}.member" for name in stack.forward.dropout_names}
        self.buffers = {  # which the step changes
            name: buffer[row].clone()
            for name, buffer in stack.forward.buffers.items()
            if name not in of_layers
        }

    def check(self, losses: Tensor, grads: list[Tensor]) -> None:
        """Compares with the losses and gradients of the stack, whose weights have not moved yet.

        Shapes: losses (K,), grads each (K, n).
        Raises: StackMismatch.
        """
        stacked = StepResult(losses[self.row], torch.cat([grad[self.row] for grad in grads]))
        dtype = stacked.gradients.dtype
        alone = self.alone(dtype)
        if not (stacked.is_finite or alone.is_finite):
            return  # the member ends by that, as alone
        gap = stacked.gap(alone)
        if gap <= TOLERANCES[dtype]:
            return
        if dtype == torch.float32 and self.alone(dtype).gap(alone) <= TOLERANCES[dtype]:
            rounding = alone.gap(self.alone(torch.float64))
            if gap <= ROUNDING_FACTOR * rounding:
                return
        raise StackMismatch(
            "the stack computes another loss than the run alone (in batch "
            f"{len(self.stack.batch_losses) + 1} of epoch {self.stack.epoch + 1} "
            f"{float(stacked.loss):.7g}, alone {float(alone.loss):.7g}): a layer or method may "
            "depend on what no comparison sees, or draw random numbers that are not `draw`'s"
        )

    def alone(self, dtype: torch.dtype) -> StepResult:
        """The step of the run alone, in this precision."""
        stack, member = self.stack, self.stack.members[self.row]
        network, device = member.network, stack.mask_stream.device
        model = network.trained_module
        if any(p.dtype != dtype or p.device != device for p in model.parameters()):
            model = copy.deepcopy(model).to(device, dtype)
        parameters = {
            name: view[self.row].detach().to(dtype).requires_grad_()
            for name, view in stack.weights.views.items()
        }
        buffers = {n: b.to(dtype, copy=True) for n, b in _floats(self.buffers)}
        buffers |= {n: b.clone() for n, b in self.buffers.items() if n not in buffers}
        streams = DrawStreams([member.seed], stream_names(network.methods), device)
        streams.start_epoch(stack.epoch)
        streams.set_step(len(stack.batch_losses))
        batch, progress = in_dtype(self.batch, dtype), stack.forward.elapsed.shares[self.row]
        computation = Computation(model.train(), network.task, network.methods)
        perturbing = perturbing_method(network.methods)

        def loss_at(parameters: Batch) -> Tensor:
            draws = streams.draws(streams.keys[0])
            given = (batch, draws, progress)
            return functional_call(computation, of_submodule(parameters | buffers), given)

        with other_global_numbers(self.seed, device), masks_from(model, self.masks.fork(0)):
            loss = learned = loss_at(parameters)
            if perturbing is not None:
                grads = torch.autograd.grad(loss, list(parameters.values()))
                slopes = dict(zip(parameters, grads, strict=True))
                moves = perturbing.perturbation(parameters, slopes)
                parameters = {
                    name: (value + moves[name]).detach().requires_grad_()
                    for name, value in parameters.items()
                }
                learned = loss_at(parameters)
            grads = torch.autograd.grad(learned * self.share, list(parameters.values()))
        return StepResult(loss.detach(), torch.cat([grad.flatten() for grad in grads]))


def _floats(tensors: Batch) -> Iterator[tuple[str, Tensor]]:
    return ((name, tensor) for name, tensor in tensors.items() if tensor.is_floating_point())


@contextmanager
def masks_from(model: nn.Module, mask_stream: MaskStream) -> Iterator[None]:
    """Lets the layers of dropout draw from this stream meanwhile."""
    layers = [layer for layer in model.modules() if isinstance(layer, StreamDropout)]
    streams = [layer.mask_stream for layer in layers]
    for layer in layers:
        layer.mask_stream = mask_stream
    try:
        yield
    finally:
        for layer, stream in zip(layers, streams, strict=True):
            layer.mask_stream = stream


@contextmanager
def other_global_numbers(seed: int, device: torch.device) -> Iterator[None]:
    """Gives torch, numpy and random other numbers meanwhile than the stack had, and puts theirs
    back: code that draws from them is found out, and changes nothing."""
    generators = [torch.default_generator]
    if device.type == "cuda":
        generators.append(torch.cuda.default_generators[device.index or 0])
    torch_states = [generator.get_state() for generator in generators]
    python_state, numpy_state = random.getstate(), np.random.get_state()
    for generator in generators:
        generator.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)
    try:
        yield
    finally:
        for generator, state in zip(generators, torch_states, strict=True):
            generator.set_state(state)
        random.setstate(python_state)
        np.random.set_state(numpy_state)
