"""Layers of a stack against torch's: dropout by rate, scale and gradient; linear maps exactly."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, vmap

from lepton.training.dropout_masks import MaskStream
from lepton.vectorize.layers import StackedDropout, StackedLinear

ROWS = 40_000


def drop(rates, x=None, shared=False):
    """A stacked dropout layer, and what it makes of ones, or of x. Shapes: (K, rows)."""
    layer = StackedDropout(
        torch.tensor(rates, dtype=torch.float64), MaskStream(range(len(rates)), torch.device("cpu"))
    )
    x = torch.ones(len(rates), ROWS) if x is None else x
    call = vmap(
        lambda x, member: functional_call(layer, {"member": member}, (x,)),
        (None if shared else 0, 0),
    )
    return layer, call(x, torch.zeros(len(rates)))


def test_each_member_drops_at_its_rate_and_scales_by_what_is_kept():
    rates = [0.0, 0.1, 0.5, 0.9]
    _, y = drop(rates)
    for rate, row in zip(rates, y, strict=True):
        share, spread = (row == 0).double().mean(), (rate * (1 - rate) / ROWS) ** 0.5
        assert abs(share - rate) <= 4 * spread
        survivors = row[row != 0]
        assert torch.allclose(survivors, torch.tensor(1 / (1 - rate)), rtol=1e-4)


def test_gradients_pass_where_values_did():
    x = torch.ones(2, 1000, requires_grad=True)
    _, y = drop([0.3, 0.6], x)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())


def test_members_that_share_their_input_have_masks_of_their_own():
    _, y = drop([0.5, 0.5], torch.ones(ROWS), shared=True)
    both = ((y[0] == 0) & (y[1] == 0)).double().mean()
    assert abs(both - 0.25) < 0.02


def test_in_evaluation_nothing_is_dropped():
    layer, _ = drop([0.5, 0.5])
    layer.eval()
    x = torch.randn(2, 10)
    assert torch.equal(vmap(layer)(x), x)


def test_the_mean_is_that_of_torchs_dropout():
    x = torch.rand(1, ROWS) + 1
    _, y = drop([0.37], x)
    expected = nn.Dropout(0.37)(x)
    assert abs(y.mean() - expected.mean()) < 0.05
    assert abs(y.std() - expected.std()) < 0.05


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(5,), (2, 3)], ids=["rows", "rows of tokens"])
@pytest.mark.parametrize("common", [False, True])
def test_a_stacked_linear_map_is_each_members_own_with_its_gradients(bias, shape, common):
    torch.manual_seed(0)
    layers = [nn.Linear(4, 3, bias=bias).double() for _ in range(3)]
    named = {
        name: torch.stack([getattr(layer, name).detach() for layer in layers]).requires_grad_()
        for name, _ in layers[0].named_parameters()
    }
    x = torch.randn(*shape, 4, dtype=torch.float64) if common else None
    inputs = x if common else torch.randn(3, *shape, 4, dtype=torch.float64, requires_grad=True)
    stacked = StackedLinear(layers[0])
    call = vmap(
        lambda tensors, x: functional_call(stacked, tensors, (x,)), (0, None if common else 0)
    )
    y = call(named, inputs)
    y.square().sum().backward()
    for k, layer in enumerate(layers):
        x_of_member = inputs if common else inputs.detach()[k].requires_grad_()
        expected = layer(x_of_member)
        torch.testing.assert_close(y[k], expected)
        expected.square().sum().backward()
        for name, parameter in layer.named_parameters():
            torch.testing.assert_close(named[name].grad[k], parameter.grad)
        if not common:
            torch.testing.assert_close(inputs.grad[k], x_of_member.grad)
