"""HeadProbe: the head of a model by itself, trained on features of the frozen backbone."""

import torch
from torch import Tensor, nn

from lepton.finetune.machinery.layers import named_layers
from lepton.model.layers import tunable

MIN_RELATIVE_DEVIATION = 1e-6  # of the largest one; features that vary less are only centred


class HeadProbe(nn.Module):
    """The head of a model, under the name it has there, on features.

    A linear head that is given the training split's `features` is trained on them at mean 0 and
    deviation 1, so that no direction learns slower for being small. Scaling them does not change
    the function, nor does `fold`, after which the head takes features as they are.

    Shapes: features (B, D), or (B, K, D) for K parallel predictions -> as the model's.
    Source: He et al. 2022, https://arxiv.org/abs/2111.06377, appendix A.1 (by batch normalization)
    """

    replayable = True

    mean: Tensor
    std: Tensor

    def __init__(self, model: nn.Module, features: Tensor | None = None):
        super().__init__()
        [self.path] = named_layers(model)[-1]
        *parents, last = self.path.split(".")
        parent: nn.Module = self
        for name in parents:
            parent.add_module(name, nn.Module())
            parent = parent.get_submodule(name)
        head, self.is_scaled = tunable(model).head, False
        parent.add_module(last, head)
        if features is not None and linear_layer(head) is not None:
            self.is_scaled = True
            std = features.std(0, correction=0)
            std = torch.where(std > MIN_RELATIVE_DEVIATION * std.max(), std, 1.0)
            self.register_buffer("mean", features.mean(0), persistent=False)
            self.register_buffer("std", std, persistent=False)
            self._rescale(self.std, self.mean / self.std)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        features = batch["features"]
        if self.is_scaled:
            features = (features - self.mean) / self.std
        return self.get_submodule(self.path)(features)

    def fold(self) -> None:
        """Gives the head the weights with which it does the same to unscaled features."""
        if self.is_scaled:
            self._rescale(1 / self.std, -self.mean)
            self.is_scaled = False

    @torch.no_grad()
    def _rescale(self, scale: Tensor, offset: Tensor) -> None:
        """Gives the head the weights with which it does the same to features / scale - offset."""
        linear = linear_layer(self.get_submodule(self.path))
        assert linear is not None
        scale, offset = (t.to(linear.weight.device, torch.float64) for t in (scale, offset))
        weight = linear.weight.double() * scale
        linear.weight.copy_(weight)
        linear.bias.copy_(linear.bias.double() + weight @ offset)


def linear_layer(head: nn.Module) -> nn.Linear | None:
    """The linear layer that is all of a head, but for dropout; None where it is another."""
    modules = [m for m in head.modules() if not isinstance(m, nn.Sequential | nn.Dropout)]
    layer = modules[0] if len(modules) == 1 else None
    if not isinstance(layer, nn.Linear) or type(layer) is not nn.Linear:
        return None
    return None if layer.bias is None else layer
