"""Attributions of one output of a network to its inputs, by captum."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lepton.compat.optional import import_optional
from lepton.explain.input_leaves import Batch, find_leaves, forward_from

ROWS_AT_ONCE = 16  # on the way from the neutral input to the input
MAP_DIMENSIONS = 4  # of what a convolution gives: rows, channels, height, width
NEEDED_BY = "lepton explain"


@dataclass(frozen=True)
class Attributions:
    """What integrated gradients attribute to the tensors of one row.

    `values`: arrays by the name of a tensor, one for each place where it enters, without the row.
    `output` and `neutral_output`: whose difference all values sum to, `error` but for.
    """

    values: dict[str, list[np.ndarray]]
    output: float
    neutral_output: float
    error: float


@dataclass(frozen=True)
class ExplainedOutput:
    """A network, the row that is explained, and which of its outputs.

    `forward`: logits of a batch. Shapes: (n, outputs).
    """

    forward: Callable[[Batch], Tensor]
    batch: Batch
    neutral: Batch
    output: int


def require_captum() -> Any:
    """captum. Raises: LeptonError that says how to install it."""
    return import_optional("captum.attr", needed_by=NEEDED_BY)


def integrated_gradients(explained: ExplainedOutput, *, steps: int) -> Attributions:
    """Attributions by integrated gradients from the neutral input.

    Raises: LeptonError where the inputs cannot be followed into the network.
    Source: Sundararajan et al. 2017, https://arxiv.org/abs/1703.01365
    """
    captum = require_captum()
    leaves = find_leaves(explained.forward, explained.batch, explained.neutral)
    if not leaves:
        with torch.no_grad():
            value = float(explained.forward(explained.batch)[0, explained.output])
        return Attributions({}, value, value, 0.0)
    compute = forward_from(explained.forward, explained.batch, leaves)

    def one_output(*values: Tensor) -> Tensor:
        return compute(*values)[:, explained.output]

    values = tuple(leaf.value for leaf in leaves)
    neutral = tuple(leaf.neutral for leaf in leaves)
    method = captum.IntegratedGradients(one_output)
    attributed = method.attribute(values, neutral, n_steps=steps, internal_batch_size=ROWS_AT_ONCE)
    with torch.no_grad():
        ends = [float(one_output(*end)[0]) for end in (values, neutral)]
    by_tensor: dict[str, list[np.ndarray]] = {}
    for leaf, tensor in zip(leaves, attributed, strict=True):
        by_tensor.setdefault(leaf.tensor, []).append(tensor[0].detach().double().numpy())
    total = sum(float(array.sum()) for arrays in by_tensor.values() for array in arrays)
    output, neutral_output = ends
    return Attributions(by_tensor, output, neutral_output, total - (output - neutral_output))


def grad_cam(
    explained: ExplainedOutput, model: nn.Module, *, size: tuple[int, int], least_side: int
) -> tuple[np.ndarray, str] | None:
    """Where a convolution sees what speaks for the output, and the layer's name; None without one.

    The maps of several pictures, as of a clip, lie side by side.
    Shapes: -> size, as many times as wide as there are pictures.
    Source: Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391
    """
    captum = require_captum()
    leaves = find_leaves(explained.forward, explained.batch, explained.neutral)
    name = map_layer(explained, model, least_side=least_side)
    if name is None or not leaves:
        return None
    compute = forward_from(explained.forward, explained.batch, leaves)
    values = tuple(leaf.value.clone().requires_grad_() for leaf in leaves)
    method = captum.LayerGradCam(
        lambda *given: compute(*given)[:, explained.output], model.get_submodule(name)
    )
    shown = method.attribute(values, relu_attributions=True)
    shown = captum.LayerAttribution.interpolate(shown, size, "bilinear")
    return torch.cat([*shown[:, 0]], 1).detach().double().numpy(), name


def map_layer(explained: ExplainedOutput, model: nn.Module, *, least_side: int) -> str | None:
    """The last layer whose maps have such sides, else the one with the largest; None without maps.

    What comes before any weight is the picture itself, and no layer; nor are those whose maps stay
    as they are when the picture is another, as they are of what lies beside it.
    """
    maps: list[tuple[str, Tensor]] = []

    def note(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, _: Any, result: Any) -> None:
            if isinstance(result, Tensor) and result.ndim == MAP_DIMENSIONS:
                maps.append((name, result))

        return hook

    handles = [
        module.register_forward_hook(note(name))
        for name, module in model.named_modules()
        if name and any(True for _ in module.parameters())
    ]
    try:
        with torch.no_grad():
            explained.forward({**explained.batch, **explained.neutral})
            others, maps = maps, []
            explained.forward(explained.batch)
    finally:
        for handle in handles:
            handle.remove()
    seen = [
        (min(values.shape[2:]), name)
        for (name, values), (_, other) in zip(maps, others, strict=True)
        if not torch.equal(values, other)
    ]
    large = [name for side, name in seen if side >= least_side]
    if large:
        return large[-1]
    widest = max((side for side, _ in seen), default=0)
    return next((name for side, name in reversed(seen) if side == widest and side > 1), None)
