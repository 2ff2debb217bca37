"""The trainable parameters of several models of one structure as one matrix, a row a model."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lepton.optimizer.groups import parameter_groups


class Flat:
    """Parameters side by side, the decayed ones first, with the views that a model computes with.

    Shapes: `values` and `grads` (K, P); `views[name]` (K, *shape), leaves that share `values`.
    """

    def __init__(self, models: Sequence[nn.Module], *, device: torch.device, dtype: torch.dtype):
        groups = parameter_groups(models[0])
        named = dict(models[0].named_parameters())
        self.names = [name for group in groups for name in group["names"]]
        self.shapes = [named[name].shape for name in self.names]
        self.widths = [shape.numel() for shape in self.shapes]
        decayed = {name for group in groups if group["decay"] for name in group["names"]}
        self.decayed = sum(w for n, w in zip(self.names, self.widths, strict=True) if n in decayed)
        self.set(torch.stack([self._row(model) for model in models]).to(device, dtype))

    def _row(self, model: nn.Module) -> Tensor:
        named = dict(model.named_parameters())
        return torch.cat([named[name].detach().flatten() for name in self.names])

    def set(self, values: Tensor) -> None:
        """Takes these values as the parameters from now on."""
        self.values, self.grads = values, torch.zeros_like(values)
        self.views = {
            name: part.detach().requires_grad_() for name, part in self.split(values).items()
        }

    def split(self, rows: Tensor) -> dict[str, Tensor]:
        """Views of rows (K, P), or of one row (P,), by parameter name."""
        parts = rows.split(self.widths, -1)
        named = zip(self.names, parts, self.shapes, strict=True)
        return {name: part.view(*rows.shape[:-1], *shape) for name, part, shape in named}

    def backward(self, loss: Tensor, *, add: bool) -> None:
        """Gradients of the summed losses, each member's own, into `grads`."""
        grads = torch.autograd.grad(loss, [self.views[name] for name in self.names])
        rows = [grad.reshape(len(self.values), -1) for grad in grads]
        if add:
            self.grads += torch.cat(rows, 1)
        else:
            torch.cat(rows, 1, out=self.grads)

    def keep(self, rows: Tensor) -> None:
        self.set(self.values[rows])
