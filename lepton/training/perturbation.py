"""The pass at perturbed weights, whose gradient counts in place of the one at the weights."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from lepton.errors import ConfigError
from lepton.method import Method, overrides


def perturbing_method(methods: Sequence[Method]) -> Method | None:
    """The one of the methods that has a `perturbation`. Raises: ConfigError for several."""
    perturbing = [m for m in methods if overrides(type(m), "perturbation")]
    if len(perturbing) > 1:
        names = " and ".join(m.stream_name or type(m).__name__ for m in perturbing)
        raise ConfigError(f"{names}: each takes the gradient at weights of its own; choose one")
    return perturbing[0] if perturbing else None


@contextmanager
def loss_to_learn_from(
    model: nn.Module, method: Method | None, loss: Tensor, compute_again: Callable[[], Tensor]
) -> Iterator[Tensor]:
    """Gives the loss whose gradient counts: a method's is that of another pass, at weights which
    it has moved. Once gradients are there, weights and buffers are put back.
    """
    if method is None:
        yield loss
        return
    weights = {name: p for name, p in model.named_parameters() if p.requires_grad}
    gradients = torch.autograd.grad(loss, list(weights.values()), materialize_grads=True)
    moved, buffers = list(weights.values()), list(model.buffers())
    with torch.no_grad():
        moves = method.perturbation(weights, dict(zip(weights, gradients, strict=True)))
        before = [tensor.clone() for tensor in (*moved, *buffers)]
        for name, weight in weights.items():
            weight += moves[name]
    try:
        yield compute_again()
    finally:
        with torch.no_grad():
            for tensor, value in zip((*moved, *buffers), before, strict=True):
                tensor.copy_(value)
