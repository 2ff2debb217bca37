"""Records the tensor operations of a training step as an FX graph, and replays it without Python.

Under vmap and autograd a small model spends most of a step in Python. The operations that reach
the kernels are the same in each step, and so are the results of a replay, bit for bit.
"""

from collections import Counter
from collections.abc import Callable, Hashable
from functools import partial
from operator import getitem
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.node import map_aggregate

from lepton.compat.torch import OperationListener, changes_its_inputs, tensors_in
from lepton.method import Batch

CALLS_BEFORE_RECORDING = 3  # of one shape; a recording costs more than a call
# operations that return their input, once autograd is out of the way
IDENTITY_OPERATIONS = {torch.ops.aten.detach.default, torch.ops.aten.alias.default}
VALUE_DEPENDENT_TAGS = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}


class StepReplay:
    """A function of named tensors and fixed values, replayed for every shape that comes often.

    All else that the function reads must be tensors that change in place, or must not change.
    """

    def __init__(self, function: Callable[..., list[Tensor]]):
        self.function = function
        self.call_counts: Counter[tuple] = Counter()
        self.recordings: dict[tuple, Recording] = {}

    def __call__(self, inputs: Batch, *values: Hashable) -> list[Tensor]:
        key = (*values, *((name, tensor.shape) for name, tensor in inputs.items()))
        recording = self.recordings.get(key)
        if recording is not None and recording.can_replay:
            return recording.replay(inputs)
        self.call_counts[key] += 1
        if recording is not None or self.call_counts[key] <= CALLS_BEFORE_RECORDING:
            return self.function(inputs, *values)
        recording = Recording(inputs)
        results = recording.record(partial(self.function, inputs, *values))
        self.recordings[key] = recording
        return results


class Recording(OperationListener):
    """The graph of operations from named tensors to a list of results, below vmap and autograd."""

    active: "Recording | None" = None  # the one that listens now

    def __init__(self, inputs: Batch):
        super().__init__()
        self.graph = fx.Graph()
        self.actions_before_replay: list[Callable[[], None]] = []
        self.nodes: dict[int, fx.Node] = {}  # by id of the tensor
        self.listed_tensors: list[Tensor] = []  # kept alive, so that no other gets the id of one
        self.constants: dict[str, Tensor] = {}  # read by the graph, but not computed in it
        self.can_replay = self.is_paused = False
        for name, tensor in inputs.items():
            self._set_node(tensor, self.graph.placeholder(name))

    def record(self, function: Callable[[], list[Tensor]]) -> list[Tensor]:
        """Calls the function; `can_replay` then says whether a replay can stand for the call."""
        Recording.active, self.can_replay = self, True
        try:
            with self:
                results = function()
        finally:
            Recording.active = None
        if self.can_replay:
            self.graph.output([self._node(result) for result in results])
            self.run_graph = fx.GraphModule(self.constants, self.graph).forward
        del self.nodes, self.listed_tensors
        return results

    @torch.no_grad()
    def replay(self, inputs: Batch) -> list[Tensor]:
        """The results of the recorded operations for other inputs of the same shapes."""
        for action in self.actions_before_replay:
            action()
        return self.run_graph(*inputs.values())

    def heard(self, operation: Any, args: tuple, kwargs: dict[str, Any], results: Any) -> None:
        """Adds an operation to the graph, unless its results are known without computing."""
        if self.is_paused:
            return
        read_tensors, new_tensors = tensors_in((args, kwargs)), tensors_in(results)
        returns_value = read_tensors and not new_tensors and not changes_its_inputs(operation)
        if returns_value or depends_on_values(operation, args):
            self.can_replay = False  # Python sees a value, and may branch on it in the next step
        if not self.can_replay or (not read_tensors and not new_tensors):
            return
        if operation in IDENTITY_OPERATIONS:
            self._set_node(results, self._node(args[0]))
        elif operation.is_view and not any(id(tensor) in self.nodes for tensor in read_tensors):
            self.listed_tensors += new_tensors  # a view of a constant is a constant itself
        else:
            self._add_call(operation, args, kwargs, results)

    def _add_call(self, operation: Any, args: tuple, kwargs: dict[str, Any], results: Any) -> None:
        node_args, node_kwargs = map_aggregate((args, kwargs), self._node_or_value)
        node = self.graph.call_function(operation, node_args, node_kwargs)
        if isinstance(results, Tensor):
            self._set_node(results, node)
            return
        for index, result in enumerate(results or ()):
            if isinstance(result, Tensor):
                self._set_node(result, self.graph.call_function(getitem, (node, index)))

    def _node_or_value(self, value: Any) -> Any:
        return self._node(value) if isinstance(value, Tensor) else value

    def _node(self, tensor: Tensor) -> fx.Node:
        """The node that computes a tensor; a tensor that the graph has not seen is a constant."""
        if id(tensor) not in self.nodes:
            name = f"constant_{len(self.constants)}"
            self.constants[name] = tensor.detach()
            self._set_node(tensor, self.graph.get_attr(name))
        return self.nodes[id(tensor)]

    def _set_node(self, tensor: Tensor, node: fx.Node) -> None:
        self.listed_tensors.append(tensor)
        self.nodes[id(tensor)] = node


def depends_on_values(operation: Any, args: tuple) -> bool:
    """True when the shape or value that an operation gives Python depends on values of tensors."""
    if operation is torch.ops.aten.index.Tensor:
        masks = (torch.bool, torch.uint8)
        return any(index is not None and index.dtype in masks for index in args[1])
    return bool(VALUE_DEPENDENT_TAGS & set(operation.tags))


def before_each_replay(action: Callable[[], None]) -> None:
    """Runs an action now, outside of the graph, and before each replay of a step being recorded."""
    if Recording.active is not None:
        Recording.active.actions_before_replay.append(action)
    outside_recording(action)


def outside_recording(action: Callable[[], Any]) -> Any:
    """Runs an action and returns its result; a recording leaves out the operations of it.

    A tensor that is made here is a constant of the recording: the same memory in each replay.
    """
    recording = Recording.active
    if recording is None:
        return action()
    recording.is_paused = True
    try:
        return action()
    finally:
        recording.is_paused = False
