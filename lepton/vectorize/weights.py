"""The trainable parameters of several models of one structure, a matrix a parameter."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lepton.method import StackState
from lepton.optimizer.parameter_groups import parameter_groups


class StackedWeights(StackState):
    """Parameters and gradients of K members, with the views that a model computes with.

    Shapes: each of `values` and `grads` (K, n), contiguous; `views[name]` (K, *shape), leaves that
        share `values`. `decayed` says of each whether weight decay applies to it.
    """

    def __init__(self, models: Sequence[nn.Module], *, device: torch.device, dtype: torch.dtype):
        groups = parameter_groups(models[0])
        self.names = [name for group in groups for name in group["names"]]
        self.decayed = [group["decay"] for group in groups for _ in group["names"]]
        named = [dict(model.named_parameters()) for model in models]
        self.shapes = [named[0][name].shape for name in self.names]
        self._set(
            [
                torch.stack([own[name].detach().flatten() for own in named]).to(device, dtype)
                for name in self.names
            ]
        )

    def _set(self, values: list[Tensor]) -> None:
        self.values = values
        self.grads: list[Tensor] = []
        self.views = {name: v.detach().requires_grad_() for name, v in self.shaped(values).items()}

    def shaped(self, rows: Sequence[Tensor]) -> dict[str, Tensor]:
        """Views of matrices, or of one row of each, in the shapes of the parameters, by name."""
        named = zip(self.names, rows, self.shapes, strict=True)
        return {name: row.view(*row.shape[:-1], *shape) for name, row, shape in named}

    def gradients(self, loss: Tensor) -> list[Tensor]:
        """Of the summed losses, each member's own. Shapes: as `grads`."""
        grads = torch.autograd.grad(loss, [self.views[name] for name in self.names])
        return [grad.reshape(len(grad), -1).contiguous() for grad in grads]  # as kernels want it

    def take(self, grads: list[Tensor], *, add: bool) -> None:
        """Makes these the gradients, or adds them to those there are."""
        pairs = zip(self.grads, grads, strict=True)
        self.grads = [old + new for old, new in pairs] if add else grads

    def copy(self) -> list[Tensor]:
        return [value.clone() for value in self.values]

    def tensors(self) -> dict[str, Tensor]:
        return dict(zip(self.names, self.values, strict=True))

    def put(self, tensors: dict[str, Tensor]) -> None:
        self._set([tensors[name] for name in self.names])
