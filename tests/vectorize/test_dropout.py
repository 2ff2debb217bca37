"""Stacked dropout: each member's rate, scaled as torch scales, with the gradient of its mask."""

import torch
from torch import nn
from torch.func import functional_call, vmap

from lepton.vectorize.dropout import StackedDropout
from lepton.vectorize.noise import Noise

ROWS = 40_000


def dropped(rates, x=None, shared=False):
    layer = StackedDropout(
        torch.tensor(rates, dtype=torch.float64), Noise(range(len(rates)), torch.device("cpu"))
    )
    x = torch.ones(len(rates), ROWS) if x is None else x
    call = vmap(
        lambda x, member: functional_call(layer, {"member": member}, (x,)),
        (None if shared else 0, 0),
    )
    return layer, call(x, torch.zeros(len(rates)))


def test_each_member_drops_at_its_rate_and_scales_by_what_is_kept():
    rates = [0.0, 0.1, 0.5, 0.9]
    _, y = dropped(rates)
    for rate, row in zip(rates, y, strict=True):
        share, spread = (row == 0).double().mean(), (rate * (1 - rate) / ROWS) ** 0.5
        assert abs(share - rate) <= 4 * spread
        kept = row[row != 0]
        assert torch.allclose(kept, torch.tensor(1 / (1 - rate)), rtol=1e-4)


def test_gradients_pass_where_values_did():
    x = torch.ones(2, 1000, requires_grad=True)
    _, y = dropped([0.3, 0.6], x)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())


def test_members_that_share_their_input_have_masks_of_their_own():
    _, y = dropped([0.5, 0.5], torch.ones(ROWS), shared=True)
    both = ((y[0] == 0) & (y[1] == 0)).double().mean()
    assert abs(both - 0.25) < 0.02


def test_in_evaluation_nothing_is_dropped():
    layer, _ = dropped([0.5, 0.5])
    layer.eval()
    x = torch.randn(2, 10)
    assert torch.equal(vmap(layer)(x), x)


def test_the_mean_is_that_of_torchs_dropout():
    x = torch.rand(1, ROWS) + 1
    _, y = dropped([0.37], x)
    expected = nn.Dropout(0.37)(x)
    assert abs(y.mean() - expected.mean()) < 0.05
    assert abs(y.std() - expected.std()) < 0.05
