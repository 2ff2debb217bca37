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
        return {name: self.rho * slope for name, slope in unit(gradients).items()}


def unit(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors divided by the Euclidean length of all together; zeros where that is 0."""
    norms = torch.stack([torch.linalg.vector_norm(tensor) for tensor in tensors.values()])
    length = torch.linalg.vector_norm(norms).clamp_min(torch.finfo(norms.dtype).tiny)
    return {name: tensor / length for name, tensor in tensors.items()}
