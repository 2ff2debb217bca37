"""GradientClipping: an upper bound on the norm of a step's gradient."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import torch
from torch import nn
from torch.optim import Optimizer

from lepton.errors import ConfigError
from lepton.method import Method, StackedMethod
from lepton.values.bounds import Above0

if TYPE_CHECKING:
    from lepton.vectorize.stack import Stack


class GradientClipping(Method):
    """Scales the gradient of a step down to `max_norm` where it is longer.

    Source: Pascanu et al. 2013, https://arxiv.org/abs/1211.5063
    """

    stackable = ("max_norm",)

    def __init__(self, *, max_norm: Above0):
        if max_norm <= 0:
            raise ConfigError(
                f"regularization.gradient_clipping.max_norm: {max_norm} would stop all learning; "
                "a positive length is right"
            )
        self.max_norm = max_norm

    def before_step(self, model: nn.Module, optimizer: Optimizer) -> None:
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        nn.utils.clip_grad_norm_(parameters, self.max_norm)

    @classmethod
    def stacked(cls, members: Sequence[Self]) -> StackedMethod:
        return StackedGradientClipping(members)


class StackedGradientClipping(StackedMethod):
    """The clipping of nn.utils.clip_grad_norm_ for each member, with its guard against zero."""

    def before_step(self, stack: "Stack") -> None:
        grads = stack.weights.grads
        parameter_norms = [torch.linalg.vector_norm(grad, dim=1, keepdim=True) for grad in grads]
        norms = torch.linalg.vector_norm(torch.cat(parameter_norms, 1), dim=1, keepdim=True)
        scale = (self.column("max_norm", norms) / (norms + 1e-6)).clamp(max=1.0)
        stack.weights.grads = [grad * scale for grad in grads]
