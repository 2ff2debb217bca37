"""A step's tensor operations, written down once and done again without Python's way to them.

Under vmap and autograd a small model's step is mostly that way; what reaches the kernels is the
same each time, and so are the results, bit for bit.
"""

from collections import Counter
from collections.abc import Callable, Hashable
from functools import partial
from operator import getitem
from typing import Any

import torch
from torch import Tensor, fx

from lepton.compat.torch import OperationListener, changes_its_inputs, tensors_in
from lepton.method import Batch

CALLS_BEFORE_RECORDING = 3  # steps of one shape after which writing it down is worth it
IDENTITY_OPERATIONS = {
    torch.ops.aten.detach.default,
    torch.ops.aten.alias.default,
}  # without autograd
VALUE_DEPENDENT_TAGS = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}


class StepReplay:
    """A function of named tensors and fixed values, taped for every shape that comes often.

    Whatever else it reads must be tensors that change in place, or not at all.
    """

    def __init__(self, function: Callable[..., list[Tensor]]):
        self.function = function
        self.calls: Counter = Counter()
        self.tapes: dict[tuple, Recording] = {}

    def __call__(self, inputs: Batch, *values: Hashable) -> list[Tensor]:
        key = (*values, *((name, tensor.shape) for name, tensor in inputs.items()))
        tape = self.tapes.get(key)
        if tape is not None and tape.whole:
            return tape.play(inputs)
        self.calls[key] += 1
        if tape is not None or self.calls[key] <= CALLS_BEFORE_RECORDING:
            return self.function(inputs, *values)
        tape = Recording(inputs)
        results = tape.record(partial(self.function, inputs, *values))
        self.tapes[key] = tape
        return results


class Recording(OperationListener):
    """The operations between named tensors and a list of results, below vmap and autograd."""

    running: "Recording | None" = None

    def __init__(self, inputs: Batch):
        super().__init__()
        self.graph, self.before = fx.Graph(), []
        self.nodes: dict[int, fx.Node] = {}
        self.seen: list[Tensor] = []  # so that no other tensor gets the id of one
        self.fixed: dict[str, Tensor] = {}
        self.whole = self.paused = False
        for name, tensor in inputs.items():
            self._is(tensor, self.graph.placeholder(name))

    def record(self, function: Callable[[], list[Tensor]]) -> list[Tensor]:
        """Calls the function; `whole` then says whether the tape can be played in its place."""
        Recording.running, self.whole = self, True
        try:
            with self:
                results = function()
        finally:
            Recording.running = None
        if self.whole:
            self.graph.output([self._node(result) for result in results])
            self.again = fx.GraphModule(self.fixed, self.graph).forward
        del self.nodes, self.seen
        return results

    @torch.no_grad()
    def play(self, inputs: Batch) -> list[Tensor]:
        for action in self.before:
            action()
        return self.again(*inputs.values())

    def heard(self, operation, args, kwargs, results) -> None:
        if self.paused:
            return
        given, made = tensors_in((args, kwargs)), tensors_in(results)
        if given and not made and not changes_its_inputs(operation):
            self.whole = False  # a value: the next step may go another way
        if VALUE_DEPENDENT_TAGS & set(operation.tags):
            self.whole = False
        if not self.whole or (not given and not made):
            return
        if operation in IDENTITY_OPERATIONS:
            self._is(results, self._node(args[0]))
        elif operation.is_view and not any(id(tensor) in self.nodes for tensor in given):
            self.seen += made  # a view of what stays where it is does so too
        else:
            put = fx.node.map_aggregate((args, kwargs), self._put)
            node = self.graph.call_function(operation, *put)
            if isinstance(results, Tensor):
                self._is(results, node)
                return
            for place, result in enumerate(results or ()):
                if isinstance(result, Tensor):
                    self._is(result, self.graph.call_function(getitem, (node, place)))

    def _put(self, value):
        return self._node(value) if isinstance(value, Tensor) else value

    def _node(self, tensor: Tensor) -> fx.Node:
        if id(tensor) not in self.nodes:
            name = f"fixed_{len(self.fixed)}"
            self.fixed[name] = tensor.detach()
            self._is(tensor, self.graph.get_attr(name))
        return self.nodes[id(tensor)]

    def _is(self, tensor: Tensor, node: fx.Node) -> None:
        self.seen.append(tensor)
        self.nodes[id(tensor)] = node


def before_each_replay(action: Callable[[], None]) -> None:
    """Does what a tape that is recording must do anew before each play, as it is."""
    if Recording.running is not None:
        Recording.running.before.append(action)
    outside_recording(action)


def outside_recording(action: Callable[[], Any]) -> Any:
    """What an action gives that a tape which is recording must leave out; it makes fixed memory."""
    tape = Recording.running
    if tape is None:
        return action()
    tape.paused = True
    try:
        return action()
    finally:
        tape.paused = False
