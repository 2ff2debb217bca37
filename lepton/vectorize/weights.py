"""The trainable parameters of several models of one structure, a matrix for each parameter."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lepton.method import StackState
from lepton.optimizer.parameter_groups import parameter_groups


class StackedWeights(StackState):
    """Parameters and gradients of K members, with the views that a model computes with.

    `decayed` is True for each parameter that weight decay applies to.
    Shapes: each of `values` and `grads` (K, n), contiguous; `views[name]` (K, *shape), leaves of
        autograd that share the memory of `values`.
    """

    def __init__(self, models: Sequence[nn.Module], *, device: torch.device, dtype: torch.dtype):
        groups = parameter_groups(models[0])
        self.names = [name for group in groups for name in group["names"]]
        self.decayed = [group["decay"] for group in groups for _ in group["names"]]
        parameters_of_models = [dict(model.named_parameters()) for model in models]
        self.shapes = [parameters_of_models[0][name].shape for name in self.names]
        self._set_values(
            [
                torch.stack(
                    [parameters[name].detach().flatten() for parameters in parameters_of_models]
                ).to(device, dtype)
                for name in self.names
            ]
        )

    def _set_values(self, values: list[Tensor]) -> None:
        self.values = values
        self.grads: list[Tensor] = []
        self.views = {
            name: view.detach().requires_grad_() for name, view in self.shaped(values).items()
        }

    def shaped(self, flat: Sequence[Tensor]) -> dict[str, Tensor]:
        """Views by name, in the shapes of the parameters.

        Shapes: each of `flat` (K, n) -> (K, *shape), or (n,) -> (*shape).
        """
        parameters = zip(self.names, flat, self.shapes, strict=True)
        return {name: value.view(*value.shape[:-1], *shape) for name, value, shape in parameters}

    def gradients(self, loss: Tensor, views: dict[str, Tensor] | None = None) -> list[Tensor]:
        """Each member's own gradients, from the sum of all members' losses; of other weights where
        their views are given. Shapes: as `grads`."""
        views = self.views if views is None else views
        grads = torch.autograd.grad(loss, [views[name] for name in self.names])
        return [grad.reshape(len(grad), -1).contiguous() for grad in grads]  # as kernels want it

    def set_gradients(self, grads: list[Tensor], *, add: bool) -> None:
        """Sets `grads`, or adds to it. Shapes: each (K, n)."""
        pairs = zip(self.grads, grads, strict=True)
        self.grads = [total + grad for total, grad in pairs] if add else grads

    def copy(self) -> list[Tensor]:
        """Copies of `values`."""
        return [value.clone() for value in self.values]

    def tensors(self) -> dict[str, Tensor]:
        return dict(zip(self.names, self.values, strict=True))

    def put(self, tensors: dict[str, Tensor]) -> None:
        self._set_values([tensors[name] for name in self.names])
