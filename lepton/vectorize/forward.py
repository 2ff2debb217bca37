"""What a stack computes: losses and predictions of all members at once, by torch.func."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from lepton.method import Batch, Method, StackState
from lepton.task import Task
from lepton.training.dropout_masks import MaskStream, StreamDropout
from lepton.training.loss import training_loss
from lepton.training.network import Network
from lepton.vectorize.layers import StackedDropout, StackedLinear


class StackedForward(StackState):
    """The members' common forward pass; parameters are given, all else that differs is held here.

    Shapes: `buffers[name]` (K, *shape), where members differ or change them in training.
    """

    def __init__(self, networks: Sequence[Network], mask_stream: MaskStream, dtype: torch.dtype):
        first = networks[0]
        device = mask_stream.device
        self.model = copy.deepcopy(first.trained_module).to(device, dtype)
        self.inner = _Objective(
            self.model, copy.copy(first.task), list(map(copy.copy, first.methods))
        )
        self.buffers = _buffers(networks, device, dtype)
        self.varied = _varied(networks, device, dtype)
        self.dropouts = {}
        for name, layer in list(self.model.named_modules(remove_duplicate=False)):
            if layer in self.dropouts:
                self.model.set_submodule(name, self.dropouts[layer])
            elif type(layer) is StreamDropout and not getattr(layer, "still", False):
                rates = [network.trained_module.get_submodule(name).p for network in networks]
                rates = torch.tensor(rates, dtype=torch.float64, device=device)
                self.dropouts[layer] = StackedDropout(rates, mask_stream)
                self.buffers[f"{name}.member"] = torch.zeros(len(rates), device=device)
                self.model.set_submodule(name, self.dropouts[layer])
            elif type(layer) is nn.Linear and layer.weight.requires_grad:
                self.model.set_submodule(name, StackedLinear(layer))

    @property
    def known(self) -> bool:
        """Whether tensors alone tell one step from another, as in torch's and lepton's parts.

        A part of somebody else's may count steps, or draw numbers of Python's.
        """
        parts = [*self.model.modules(), self.inner.task, *self.inner.methods]
        return all(type(part).__module__.split(".")[0] in ("torch", "lepton") for part in parts)

    def losses(
        self, parameters: Batch, batch: Batch, *, common: bool, training: bool = True
    ) -> Tensor:
        """A loss a member. Shapes: batch (K, B, ...), or (B, ...) where it is common -> (K,)."""
        self.model.train(training)
        for layer in self.dropouts.values():
            layer.begin()
        dims = (0, 0, 0, None if common else 0)
        given = (self._named(parameters), self._named(self.buffers), self.varied, batch)
        return vmap(self._loss, in_dims=dims, randomness="different")(*given)

    def predict(self, parameters: Batch, batch: Batch) -> Tensor:
        """Predictions of every member for the same rows. Shapes: batch (B, ...) -> (K, B, ...)."""
        self.model.eval()
        call = vmap(self._prediction, in_dims=(0, 0, None), randomness="different")
        with torch.no_grad():
            return call(self._named(parameters), self._named(self.buffers), batch)

    def _loss(self, parameters: Batch, buffers: Batch, varied: dict, batch: Batch) -> Tensor:
        for (owner, name), value in varied.items():
            setattr(self.inner.owner(owner), name, value)
        return functional_call(self.inner, parameters | buffers, (batch,))

    def _prediction(self, parameters: Batch, buffers: Batch, batch: Batch) -> Tensor:
        logits = functional_call(self.inner, parameters | buffers, (batch,), {"logits": True})
        return self.inner.task.predict(logits)

    @staticmethod
    def _named(tensors: Batch) -> Batch:
        return {f"model.{name}": tensor for name, tensor in tensors.items()}

    def tensors(self) -> Batch:
        return self.buffers

    def put(self, tensors: Batch) -> None:
        self.buffers = dict(tensors)

    def keep(self, rows: Tensor) -> None:
        super().keep(rows)
        self.varied = {key: value[rows] for key, value in self.varied.items()}
        for layer in self.dropouts.values():
            layer.set(layer.rates[rows])


class _Objective(nn.Module):
    """A model with its task and methods, so that penalties see the parameters that it was given."""

    def __init__(self, model: nn.Module, task: Task, methods: list[Method]):
        super().__init__()
        self.model, self.task, self.methods = model, task, methods

    def forward(self, batch: Batch, *, logits: bool = False) -> Tensor:
        if logits:
            return self.model(batch)
        return training_loss(self.model, self.task, self.methods, batch)

    def owner(self, index: int) -> Task | Method:
        """Whose attribute differs between members: a method by its place, the task at -1."""
        return self.task if index < 0 else self.methods[index]


def _buffers(networks: Sequence[Network], device: torch.device, dtype: torch.dtype) -> Batch:
    """What of a model is not trained: all of its state, and constants where members differ."""
    first = networks[0].trained_module
    trained = {name for name, p in first.named_parameters() if p.requires_grad}
    everything = dict(first.named_parameters()) | dict(first.named_buffers())
    stacked = {}
    for name in everything:
        if name in trained:
            continue
        values = [_tensor(network.trained_module, name).detach() for network in networks]
        if name in first.state_dict() or not all(torch.equal(v, values[0]) for v in values):
            rows = torch.stack(values).to(device)
            stacked[name] = rows.to(dtype) if rows.is_floating_point() else rows
    return stacked


def _tensor(model: nn.Module, name: str) -> Tensor:
    owner, _, attribute = name.rpartition(".")
    return getattr(model.get_submodule(owner), attribute)


def _varied(networks: Sequence[Network], device: torch.device, dtype: torch.dtype) -> dict:
    """Attributes of methods that differ between members, and class weights. Shapes: (K, ...)."""
    varied = {}
    for index, method in enumerate(networks[0].methods):
        for name in method.stackable:
            values = [getattr(network.methods[index], name) for network in networks]
            if values != values[:1] * len(values):
                varied[index, name] = torch.tensor(values, dtype=dtype, device=device)
    if networks[0].task.weights is not None:
        varied[-1, "weights"] = torch.stack([n.task.weights for n in networks]).to(device)
    return varied
