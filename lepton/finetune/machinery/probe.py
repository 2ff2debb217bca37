"""The head of a model by itself, trained on features."""

import torch
from torch import Tensor, nn

from lepton.finetune.machinery.layers import layers

CONSTANT = 1e-6  # of the largest standard deviation: what varies less is only centred


class Probe(nn.Module):
    """The head of a model, under the name it has there, on features.

    A linear head that is given the training split's features (`seen`) is trained on them at mean 0
    and deviation 1, so that no direction learns slower for being small. Putting them there does not
    change the function, nor does `fold`, after which the head fits features as they are.

    Shapes: features (B, D), or (B, K, D) for K parallel predictions -> as the model's.
    Source: He et al. 2022, https://arxiv.org/abs/2111.06377, appendix A.1 (by batch normalization)
    """

    def __init__(self, model: nn.Module, seen: Tensor | None = None):
        super().__init__()
        [self.path] = layers(model)[-1]
        *parents, last = self.path.split(".")
        place: nn.Module = self
        for name in parents:
            place.add_module(name, nn.Module())
            place = place.get_submodule(name)
        place.add_module(last, model.head)
        self.scaled = seen is not None and _linear(model.head) is not None
        if self.scaled:
            std = seen.std(0, correction=0)
            std = torch.where(std > CONSTANT * std.max(), std, 1.0)
            self.register_buffer("mean", seen.mean(0), persistent=False)
            self.register_buffer("std", std, persistent=False)
            self._change(self.std, self.mean / self.std)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        features = batch["features"]
        if self.scaled:
            features = (features - self.mean) / self.std
        return self.get_submodule(self.path)(features)

    def fold(self) -> None:
        """Gives the head the weights with which it does the same to features as they are."""
        if self.scaled:
            self._change(1 / self.std, -self.mean)
            self.scaled = False

    @torch.no_grad()
    def _change(self, scale: Tensor, offset: Tensor) -> None:
        """The weights for features x / scale - offset that equal those for x."""
        linear = _linear(self.get_submodule(self.path))
        scale, offset = (t.to(linear.weight.device, torch.float64) for t in (scale, offset))
        weight = linear.weight.double() * scale
        linear.weight.copy_(weight)
        linear.bias.copy_(linear.bias.double() + weight @ offset)


def _linear(head: nn.Module) -> nn.Linear | None:
    """The linear layer that is all of a head, but for dropout."""
    parts = [m for m in head.modules() if not isinstance(m, nn.Sequential | nn.Dropout)]
    alone = len(parts) == 1 and type(parts[0]) is nn.Linear and parts[0].bias is not None
    return parts[0] if alone else None
