"""Dropout for a stack: a rate a member, and masks that cost a fraction of torch's."""

import torch
from torch import Tensor, nn

from lepton.vectorize.noise import LEVELS, Noise


class StackedDropout(nn.Module):
    """Takes the place of nn.Dropout in the model that a stack computes with, under vmap."""

    def __init__(self, rates: Tensor, noise: Noise):
        super().__init__()
        self.noise = noise
        self.register_buffer("member", torch.zeros((), device=rates.device))
        self.set(rates)

    def set(self, rates: Tensor) -> None:
        """One rate a member; each is met to one part in LEVELS, and scaled for exactly."""
        self.rates, self.idle = rates, not rates.any()
        dropped = (rates * LEVELS).round().clamp(max=LEVELS - 1)
        self.least = (dropped - LEVELS // 2).to(torch.int16)  # smallest number that is kept
        self.scale = LEVELS / (LEVELS - dropped)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.idle:
            return x
        return _Drop.apply(x, self.member, self)


class _Drop(torch.autograd.Function):
    """The way out of vmap: its rule sees the whole stack and draws all members' masks at once.

    `member` differs between members, so that the rule applies to an input that does not.
    """

    @staticmethod
    def forward(x, member, layer):
        raise TypeError("stacked dropout works under vmap alone")

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def vmap(info, in_dims, x, member, layer):
        k = info.batch_size
        x = x.expand(k, *x.shape) if in_dims[0] is None else x.movedim(in_dims[0], 0)
        each = [k] + [1] * (x.ndim - 1)
        bits = layer.noise.draw(x[0].numel()).view(x.shape)
        kept = bits >= layer.least.view(each)
        scale = layer.scale.to(x.dtype).view(each)
        return x * torch.where(kept, scale, scale.new_zeros(())), 0
