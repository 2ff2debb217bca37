"""ASAM: SAM whose step up the slope is measured in the size of each weight."""

from collections.abc import Mapping

import torch
from torch import Tensor

from lepton.errors import ConfigError
from lepton.method import Method
from lepton.regularization.sam import unit
from lepton.values.bounds import NotBelow0


class ASAM(Method):
    """Learns from the gradient a step up the slope that is longer for larger weights.

    So scaling a layer up and the next one down changes nothing. Biases and the scales of
    normalizations, all of one dimension, count as in SAM; those have no layer to be scaled against.
    Source: Kwon et al. 2021, https://arxiv.org/abs/2102.11600
    """

    replayable = True
    stackable = ("rho", "eta")
    needs_whole_weights = True
    perturbs_weights = True

    def __init__(self, *, rho: NotBelow0, eta: NotBelow0):
        if rho < 0 or eta < 0:
            raise ConfigError(f"regularization.asam: rho={rho}, eta={eta}; neither may be negative")
        self.rho, self.eta = rho, eta

    def perturbation(
        self, weights: Mapping[str, Tensor], gradients: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        sizes = {
            name: weight.abs() + self.eta if weight.ndim > 1 else torch.ones_like(weight)
            for name, weight in weights.items()
        }
        scaled = {name: sizes[name] * gradient for name, gradient in gradients.items()}
        return {name: self.rho * sizes[name] * slope for name, slope in unit(scaled).items()}
