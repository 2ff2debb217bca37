"""Layers that compute all members of a stack at once, in place of torch's, which vmap splits up.

Each leaves vmap by an autograd function whose `vmap` rule sees whole tensors, members first.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from lepton.training.dropout_masks import LEVELS, MaskStream
from lepton.vectorize.step_replay import before_each_replay, outside_recording


class _VmapRule(torch.autograd.Function):
    """An operation that is defined by its `vmap` rule; `backward` is for torch.func inside vmap."""

    @staticmethod
    def forward(*inputs: Any) -> Tensor:
        raise TypeError("a stacked layer works under vmap alone")


class StackedLinear(nn.Module):
    """nn.Linear with a weight for each member: one batched product that adds the bias as well."""

    replayable = True

    def __init__(self, layer: nn.Linear):
        super().__init__()
        self.weight, self.bias = layer.weight, layer.bias

    def forward(self, x: Tensor) -> Tensor:
        return _Linear.apply(x, self.weight, self.bias)


class _Linear(_VmapRule):
    """Shapes: x (K, ..., inputs), weight (K, outputs, inputs), bias (K, outputs) or None
    -> (K, ..., outputs); in `backward`, which is one member's, all without K."""

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:2])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        x, weight = ctx.saved_tensors
        rows = grad.flatten(0, -2)
        has_bias = ctx.needs_input_grad[2]
        grad_weight = rows.mT @ x.flatten(0, -2)
        return grad @ weight, grad_weight, rows.sum(0) if has_bias else None

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple, x: Tensor, weight: Tensor, bias: Tensor | None
    ) -> tuple[Tensor, int]:
        members, outputs, inputs = info.batch_size, *weight.shape[-2:]
        if in_dims[0] is None:  # the same rows for all members: one wide product
            y = x @ weight.reshape(members * outputs, inputs).mT
            y = y.unflatten(-1, (members, outputs)).movedim(-2, 0)
            return (y if bias is None else y + bias.view(members, *[1] * (y.ndim - 2), -1)), 0
        x = x.movedim(in_dims[0], 0)
        y = _BatchedProduct.apply(x.reshape(members, -1, inputs), weight, bias)
        return y.view(*x.shape[:-1], outputs), 0


class _BatchedProduct(torch.autograd.Function):
    """A product for each member; the gradient of the weight has the weight's own memory layout,
    so that nothing is copied.

    Shapes: x (K, B, inputs), weight (K, outputs, inputs), bias (K, outputs) -> (K, B, outputs).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        if bias is None:
            return torch.bmm(x, weight.mT)
        return torch.baddbmm(bias.unsqueeze(1), x, weight.mT)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor, Tensor | None]:
        x, weight = ctx.saved_tensors
        needs_x, _, needs_bias = ctx.needs_input_grad
        return (
            torch.bmm(grad, weight) if needs_x else None,
            torch.bmm(grad.mT, x),
            grad.sum(1) if needs_bias else None,
        )


class StackedDropout(nn.Module):
    """nn.Dropout with a rate for each member, and masks that cost a fraction of torch's."""

    replayable = True

    def __init__(self, rates: Tensor, mask_stream: MaskStream):
        """Shapes: rates (K,)."""
        super().__init__()
        self.mask_stream = mask_stream
        self.register_buffer("member", torch.zeros((), device=rates.device))
        self.set_rates(rates)

    def set_rates(self, rates: Tensor) -> None:
        """Sets the members' rates; each is met to one part in LEVELS, and scaled for exactly."""
        self.rates, self.drops_nothing = rates, not rates.any()
        dropped_levels = (rates * LEVELS).round()
        self.smallest_kept = (dropped_levels - LEVELS // 2).to(torch.int32)  # of 16-bit numbers
        self.scale = torch.where(dropped_levels < LEVELS, LEVELS / (LEVELS - dropped_levels), 0.0)
        self.masks: list[Tensor] = []
        self.begin_step()

    def begin_step(self) -> None:
        """Frees the memory of the last step's masks for those of the next."""
        self.masks_in_use = 0

    def draw_mask(self, x: Tensor) -> Tensor:
        """Returns zeros and scales, in memory that the next step uses again. Shapes: as `x`."""
        mask = outside_recording(partial(self._mask_memory, x))
        before_each_replay(partial(self._fill, mask))
        return mask

    def _fill(self, mask: Tensor) -> None:
        per_member = [len(mask)] + [1] * (mask.ndim - 1)
        bits = self.mask_stream.draw(mask[0].numel()).view(mask.shape)
        torch.ge(bits, self.smallest_kept.view(per_member), out=mask)
        mask.mul_(self.scale.to(mask.dtype).view(per_member))

    def _mask_memory(self, x: Tensor) -> Tensor:
        """The memory of the step's next mask; that of the last step where it fits."""
        index = self.masks_in_use
        self.masks_in_use += 1
        fits = index < len(self.masks) and (
            self.masks[index].shape == x.shape and self.masks[index].dtype == x.dtype
        )
        if not fits:
            self.masks[index:] = [torch.empty_like(x, requires_grad=False)]
        return self.masks[index]

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.drops_nothing:
            return x
        return x * _Mask.apply(x.detach(), self.member, self)


class _Mask(_VmapRule):
    """`member` differs between members, so that vmap calls the rule for a shared input too."""

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        ctx.mark_non_differentiable(output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, None, None]:
        return None, None, None

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple, x: Tensor, member: Tensor, layer: StackedDropout
    ) -> tuple[Tensor, int]:
        members = info.batch_size
        x = x.expand(members, *x.shape) if in_dims[0] is None else x.movedim(in_dims[0], 0)
        with torch.no_grad():
            return layer.draw_mask(x.contiguous()), 0
