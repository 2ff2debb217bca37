"""SAM: the gradient at weights a step up the slope, so that training ends in flat minima."""

from collections.abc import Mapping

import torch
from torch import Tensor

from lepton.errors import ConfigError
from lepton.method import Method
from lepton.values.bounds import NotBelow0


class SAM(Method):
    """Learns from the gradient where the loss of the batch is largest within `rho` of the weights.

    Source: Foret et al. 2021, https://arxiv.org/abs/2010.01412
    """

    replayable = True
    stackable = ("rho",)
    needs_whole_weights = True
    perturbs_weights = True

    def __init__(self, *, rho: NotBelow0):
        if rho < 0:
            raise ConfigError(f"regularization.sam.rho: {rho} is negative; 0 is plain training")
        self.rho = rho

    def perturbation(
        self, weights: Mapping[str, Tensor], gradients: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        scale = self.rho / length(gradients)
        return {name: scale * gradient for name, gradient in gradients.items()}


def length(tensors: Mapping[str, Tensor]) -> Tensor:
    """The Euclidean length of all tensors together, which can be divided by."""
    norms = torch.stack([torch.linalg.vector_norm(tensor) for tensor in tensors.values()])
    return torch.linalg.vector_norm(norms).clamp_min(torch.finfo(norms.dtype).tiny)
