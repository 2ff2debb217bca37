"""The forward pass of a stack: losses and predictions of all members at once, by torch's vmap."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from lepton.finetune.machinery.freezing import is_held_in_eval_mode
from lepton.method import Batch, Method, StackState
from lepton.randomness.draw import Draw
from lepton.randomness.streams import DrawStreams
from lepton.task import Task
from lepton.training.dropout_masks import MaskStream, StreamDropout
from lepton.training.elapsed import Elapsed
from lepton.training.loss import stream_names, training_loss
from lepton.training.network import Network
from lepton.training.perturbation import perturbing_method
from lepton.vectorize.layers import StackedDropout, StackedLinear
from lepton.vectorize.replayable import is_replayable

TASK, LOSS = -1, -2  # stand for the task and its loss where methods have their index
AttributeKey = tuple[int, str]  # index of the method, TASK or LOSS; name of its attribute


class StackedForward(StackState):
    """One model, task and list of methods that compute for all members.

    Parameters come from outside. All else that differs between members, or changes in training, is
    kept here: `buffers` of the model, and `member_attributes` of methods and task.
    Shapes: `buffers[name]` (K, *shape), `member_attributes[index, name]` (K, ...).
    """

    def __init__(self, networks: Sequence[Network], mask_stream: MaskStream, dtype: torch.dtype):
        first, device = networks[0], mask_stream.device
        self.model = copy.deepcopy(first.trained_module).to(device, dtype)
        self.computation = Computation(
            self.model, copy.copy(first.task), [copy.copy(method) for method in first.methods]
        )
        self.computation.task.row_loss = copy.copy(first.task.row_loss)
        names = stream_names(first.methods)
        self.draw_streams = DrawStreams(mask_stream.seeds, names, device)
        lengths = [network.config["trainer"]["max_epochs"] for network in networks]
        self.elapsed = Elapsed(lengths, device)
        self.buffers = _untrained_tensors(networks, device, dtype)
        self.member_attributes = _member_attributes(networks, device, dtype)
        self.dropout_names: list[str] = []
        self.dropouts: dict[nn.Module, StackedDropout] = {}  # by the layer that each replaces
        for name, layer in list(self.model.named_modules(remove_duplicate=False)):
            if layer in self.dropouts:
                self.model.set_submodule(name, self.dropouts[layer])
            elif type(layer) is StreamDropout and not is_held_in_eval_mode(layer):
                rates = [network.trained_module.get_submodule(name).p for network in networks]
                rates = torch.tensor(rates, dtype=torch.float64, device=device)
                self.dropouts[layer] = StackedDropout(rates, mask_stream)
                self.dropout_names.append(name)
                self.buffers[f"{name}.member"] = torch.zeros(len(rates), device=device)
                self.model.set_submodule(name, self.dropouts[layer])
            elif type(layer) is nn.Linear and layer.weight.requires_grad:
                self.model.set_submodule(name, StackedLinear(layer))

    @property
    def can_be_replayed(self) -> bool:
        """True when tensors alone tell one step from another; other code may count steps, or draw
        numbers of Python's."""
        task, methods = self.computation.task, self.computation.methods
        owners = [*self.model.modules(), task, *methods]
        owners += filter(callable, vars(task).values())  # as a loss of its own
        return all(map(is_replayable, owners))

    def losses(
        self, parameters: Batch, batch: Batch, *, common: bool, buffers: Batch | None = None
    ) -> Tensor:
        """The training loss of every member; where `buffers` are given, by a further pass of the
        same step, which changes these in place of the stack's own.

        Shapes: parameters (K, *shape); batch (K, B, ...), or (B, ...) where `common` -> (K,).
        """
        self.model.train()
        for layer in self.dropouts.values() if buffers is None else ():
            layer.begin_step()
        in_dims = (0, 0, 0, 0, 0, None if common else 0)
        losses = vmap(self._loss, in_dims=in_dims, randomness="different")
        buffers = of_submodule(self.buffers if buffers is None else buffers)
        attributes, keys = self.member_attributes, self.draw_streams.keys
        shares = self.elapsed.shares
        return losses(of_submodule(parameters), buffers, attributes, keys, shares, batch)

    @torch.no_grad()
    def perturbed(self, parameters: Batch, gradients: Batch) -> Batch:
        """Other weights of every member, as its method perturbs them: leaves of autograd.

        Shapes: each (K, *shape) -> the same.
        """
        moves = vmap(self._perturbation)(parameters, gradients, self.member_attributes)
        return {name: (p + moves[name]).requires_grad_() for name, p in parameters.items()}

    def predict(self, parameters: Batch, batch: Batch) -> Tensor:
        """Predictions of every member for the same rows.

        Shapes: parameters (K, *shape); batch (B, ...) -> (K, B, ...).
        """
        self.model.eval()
        predictions = vmap(self._prediction, in_dims=(0, 0, None), randomness="different")
        with torch.no_grad():
            return predictions(of_submodule(parameters), of_submodule(self.buffers), batch)

    @property
    def perturbing(self) -> Method | None:
        """The method whose perturbed weights the gradient is taken at."""
        return perturbing_method(self.computation.methods)

    def _perturbation(
        self, parameters: Batch, gradients: Batch, member_attributes: dict[AttributeKey, Tensor]
    ) -> Batch:
        """What one member's weights are moved by, as vmap calls it."""
        self._set_attributes(member_attributes)
        assert self.perturbing is not None
        return dict(self.perturbing.perturbation(parameters, gradients))

    def _set_attributes(self, member_attributes: dict[AttributeKey, Tensor]) -> None:
        for (index, name), value in member_attributes.items():
            setattr(self.computation.owner(index), name, value)

    def _loss(
        self,
        parameters: Batch,
        buffers: Batch,
        member_attributes: dict[AttributeKey, Tensor],
        keys: Tensor,
        progress: Tensor,
        batch: Batch,
    ) -> Tensor:
        """One member's loss, as vmap calls it."""
        self._set_attributes(member_attributes)
        draws = self.draw_streams.draws(keys)
        given = (batch, draws, progress)
        return functional_call(self.computation, parameters | buffers, given)

    def _prediction(self, parameters: Batch, buffers: Batch, batch: Batch) -> Tensor:
        """One member's predictions, as vmap calls it."""
        logits = functional_call(self.computation, parameters | buffers, (batch,))
        return self.computation.task.predict(logits)

    def attributes(self) -> dict[str, Any]:
        """What task and methods have in attributes, but for those that vmap sets."""
        owners = {"the task": self.computation.task}
        owners |= {type(method).__name__: method for method in self.computation.methods}
        set_by_vmap = {name for _, name in self.member_attributes}
        return {
            f"{name} of {owner}": value
            for owner, attributes in owners.items()
            for name, value in vars(attributes).items()
            if name not in set_by_vmap
        }

    def tensors(self) -> Batch:
        return self.buffers

    def put(self, tensors: Batch) -> None:
        self.buffers = dict(tensors)

    def keep(self, rows: Tensor) -> None:
        super().keep(rows)
        self.draw_streams.keep(rows)
        self.elapsed.keep(rows)
        self.member_attributes = {key: v[rows] for key, v in self.member_attributes.items()}
        for layer in self.dropouts.values():
            layer.set_rates(layer.rates[rows])


class Computation(nn.Module):
    """A model with its task and methods, for one functional call of all: so penalties see the
    parameters that the call is given."""

    def __init__(self, model: nn.Module, task: Task, methods: list[Method]):
        super().__init__()
        self.model, self.task, self.methods = model, task, methods

    def forward(
        self, batch: Batch, draws: Sequence[Draw] | None = None, progress: Tensor | None = None
    ) -> Tensor:
        """The loss of a batch, or without `draws` the model's logits."""
        if draws is None:
            return self.task.forward(self.model, batch)
        return training_loss(self.model, self.task, self.methods, batch, draws, progress)

    def owner(self, index: int) -> Any:
        """The method of an index, the task for TASK, its loss for LOSS."""
        if index == LOSS:
            return self.task.row_loss
        return self.task if index == TASK else self.methods[index]


def of_submodule(tensors: Batch) -> Batch:
    """A model's tensors under the names that they have in `Computation`."""
    return {f"model.{name}": tensor for name, tensor in tensors.items()}


def _untrained_tensors(
    networks: Sequence[Network], device: torch.device, dtype: torch.dtype
) -> Batch:
    """The tensors of models that are not trained: their state, and constants where these differ.

    Shapes: each (K, *shape).
    """
    first = networks[0].trained_module
    trained = {name for name, p in first.named_parameters() if p.requires_grad}
    names = dict(first.named_parameters()) | dict(first.named_buffers())
    untrained = {}
    for name in names:
        if name in trained:
            continue
        values = [_tensor_by_name(network.trained_module, name).detach() for network in networks]
        if name in first.state_dict() or not all(torch.equal(v, values[0]) for v in values):
            stacked = torch.stack(values).to(device)
            untrained[name] = stacked.to(dtype) if stacked.is_floating_point() else stacked
    return untrained


def _tensor_by_name(model: nn.Module, name: str) -> Tensor:
    owner, _, attribute = name.rpartition(".")
    return getattr(model.get_submodule(owner), attribute)


def _member_attributes(
    networks: Sequence[Network], device: torch.device, dtype: torch.dtype
) -> dict[AttributeKey, Tensor]:
    """Attributes of methods and of the loss that differ between members, and class weights.

    Shapes: (K, ...).
    """
    attributes = {}
    owners: dict[int, Sequence[Any]] = {LOSS: [network.task.row_loss for network in networks]}
    owners |= enumerate(zip(*(network.methods for network in networks), strict=True))
    for index, of_members in owners.items():
        for name in getattr(of_members[0], "stackable", ()):
            values = [getattr(member, name) for member in of_members]
            if values != values[:1] * len(values):
                attributes[index, name] = torch.tensor(values, dtype=dtype, device=device)
    weights = [w for network in networks if (w := network.task.weights) is not None]
    if weights:  # of all members, or of none
        attributes[TASK, "weights"] = torch.stack(weights).to(device)
    return attributes
