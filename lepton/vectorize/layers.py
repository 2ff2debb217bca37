"""Layers of a stack that know all members at once, in place of torch's, which vmap takes apart.

Each is a way out of vmap: an autograd function whose rule sees whole tensors, members first.
"""

from functools import partial

import torch
from torch import Tensor, nn

from lepton.training.dropout_masks import LEVELS, MaskStream
from lepton.vectorize.step_replay import before_each_replay, outside_recording


class _WayOut(torch.autograd.Function):
    @staticmethod
    def forward(*given):
        raise TypeError("a stacked layer works under vmap alone")

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass


class StackedLinear(nn.Module):
    """nn.Linear with a weight a member: one batched product, the bias added on the way."""

    def __init__(self, like: nn.Linear):
        super().__init__()
        self.weight, self.bias = like.weight, like.bias

    def forward(self, x: Tensor) -> Tensor:
        return _Linear.apply(x, self.weight, self.bias)


class _Linear(_WayOut):
    @staticmethod
    def vmap(info, in_dims, x, weight, bias):
        k, outputs, width = info.batch_size, *weight.shape[-2:]
        if in_dims[0] is None:  # the same rows for all members: one wide product
            y = (x @ weight.reshape(k * outputs, width).mT).unflatten(-1, (k, outputs))
            y = y.movedim(-2, 0)
            return (y if bias is None else y + bias.view(k, *[1] * (y.ndim - 2), -1)), 0
        x = x.movedim(in_dims[0], 0)
        y = _Products.apply(x.reshape(k, -1, width), weight, bias)
        return y.view(*x.shape[:-1], outputs), 0


class _Products(torch.autograd.Function):
    """Whose gradient of the weight has the weight's own layout, so that nothing is copied."""

    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(x, weight)
        if bias is None:
            return torch.bmm(x, weight.mT)
        return torch.baddbmm(bias.unsqueeze(1), x, weight.mT)

    @staticmethod
    def backward(ctx, grad):
        x, weight = ctx.saved_tensors
        need_x, _, need_bias = ctx.needs_input_grad
        return (
            torch.bmm(grad, weight) if need_x else None,
            torch.bmm(grad.mT, x),
            grad.sum(1) if need_bias else None,
        )


class StackedDropout(nn.Module):
    """nn.Dropout with a rate a member, and masks that cost a fraction of torch's."""

    def __init__(self, rates: Tensor, mask_stream: MaskStream):
        super().__init__()
        self.mask_stream = mask_stream
        self.register_buffer("member", torch.zeros((), device=rates.device))
        self.set(rates)

    def set(self, rates: Tensor) -> None:
        """One rate a member; each is met to one part in LEVELS, and scaled for exactly."""
        self.rates, self.idle = rates, not rates.any()
        dropped = (rates * LEVELS).round()
        self.least = (dropped - LEVELS // 2).to(torch.int32)  # smallest number that is kept
        self.scale = torch.where(dropped < LEVELS, LEVELS / (LEVELS - dropped), 0.0)
        self.masks: list[Tensor] = []
        self.begin()

    def begin(self) -> None:
        """A step begins: the memory of the last one's masks is free."""
        self.drawn = 0

    def draw(self, like: Tensor) -> Tensor:
        """Zeros and scales, in memory that the next step takes again. Shapes: as `like`."""
        mask = outside_recording(partial(self._memory, like))
        before_each_replay(partial(self._fill, mask))
        return mask

    def _fill(self, mask: Tensor) -> None:
        each = [len(mask)] + [1] * (mask.ndim - 1)
        bits = self.mask_stream.draw(mask[0].numel()).view(mask.shape)
        torch.ge(bits, self.least.view(each), out=mask)
        mask.mul_(self.scale.to(mask.dtype).view(each))

    def _memory(self, like: Tensor) -> Tensor:
        self.drawn += 1
        fits = self.masks[self.drawn - 1 : self.drawn]
        if not fits or fits[0].shape != like.shape or fits[0].dtype != like.dtype:
            fits = [torch.empty_like(like, requires_grad=False)]
            self.masks[self.drawn - 1 :] = fits
        return fits[0]

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.idle:
            return x
        return _Drop.apply(x, self.member, self)


class _Drop(_WayOut):
    """`member` differs between members, so that the rule applies to an input that does not."""

    @staticmethod
    def vmap(info, in_dims, x, member, layer):
        k = info.batch_size
        x = x.expand(k, *x.shape) if in_dims[0] is None else x.movedim(in_dims[0], 0)
        with torch.no_grad():
            mask = layer.draw(x.contiguous())
        return x * mask, 0
