"""RealMLP against pytabkit, the code of its authors, and what starts it."""

import pytest
import torch
from pytabkit.models.nn_models.activations import ParametricActivationLayer
from pytabkit.models.nn_models.base import Variable
from pytabkit.models.nn_models.models import smooth_clip_func
from pytabkit.models.nn_models.nn import PLREmbeddingsLayerCosBias

from lepton.model.realmlp import (
    PBLD,
    NTKLinear,
    OneHotOrSign,
    ParametricActivation,
    made_up_rows,
    smoothly_clipped,
)


def test_numbers_are_embedded_as_the_authors_code_does():
    torch.manual_seed(0)
    mine, x = PBLD(3, 4, 16, 0.1), torch.randn(7, 3)
    held = {n: Variable(0.1 * p.data) for n, p in mine.named_parameters()}  # they learn at 0.1
    theirs = PLREmbeddingsLayerCosBias(
        fitter=None,
        weight_1=Variable(held["frequency"].data[:, None]),
        bias_1=Variable(held["phase"].data[:, None]),
        weight_2=held["weight"],
        bias_2=Variable(held["bias"].data[:, None]),
        plr_act_name="linear",
        plr_use_densenet=True,
    )
    expected = theirs.forward_cont(x)  # all that is mapped, then the numbers
    mapped = expected[:, :9].unflatten(1, (3, 3))
    expected = torch.cat([mapped, expected[:, 9:, None]], 2).flatten(1)
    torch.testing.assert_close(mine(x), expected)


@pytest.mark.parametrize(("name", "function"), [("selu", torch.selu), ("mish", None)])
def test_activations_are_those_of_the_authors_code(name, function):
    function = function or torch.nn.functional.mish
    mine, x = ParametricActivation(5, name), torch.randn(9, 5)
    torch.testing.assert_close(mine(x), function(x))
    shares = torch.rand(5)
    mine.weight.data = shares / 0.1
    theirs = ParametricActivationLayer(function, Variable(shares[None]))
    torch.testing.assert_close(mine(x), theirs.forward_cont(x))


def test_numbers_are_clipped_as_the_authors_code_does():
    x = torch.linspace(-50, 50, 101)
    torch.testing.assert_close(smoothly_clipped(x, 3.0), smooth_clip_func(x, 3.0))


def test_layers_start_with_a_spread_of_one_and_biases_inside_the_rows():
    torch.manual_seed(0)
    layer, x = NTKLinear(6, 40), torch.randn(500, 6) * torch.tensor([1.0, 5, 1, 9, 1, 1]) + 3
    with torch.no_grad():
        layer.start(x)
        units = layer(x)
    torch.testing.assert_close(units.std(0, correction=0), torch.ones(40))
    assert (units.amin(0) < 0).all()
    assert (units.amax(0) > 0).all()


def test_a_category_has_its_column_and_two_are_one_of_both_signs():
    codes = torch.tensor([[0, 0], [1, 1], [2, 2], [3, 3], [3, 4]])
    expected = [[0, 0, 0, 0], [0, 0, 0, 0], [1, 1, 0, 0], [-1, 0, 1, 0], [-1, 0, 0, 1]]
    assert OneHotOrSign([2, 3])(codes).tolist() == expected


def test_rows_are_made_up_by_the_quantiles_of_columns(make_spec):
    torch.manual_seed(0)
    spec = make_spec("binary", 2, (4, 6))
    rows = made_up_rows(spec)
    expected = torch.tensor(spec.quantiles[0])[[32, 64, 96]]
    levels = torch.tensor([0.25, 0.5, 0.75])
    torch.testing.assert_close(rows["num"][:, 0].quantile(levels), expected, atol=0.15, rtol=0)
    assert rows["cat"][:, 1].unique().tolist() == [2, 3, 4, 5]


def test_a_factor_of_an_input_learns_six_times_as_fast_under_adam(build, make_spec, make_batch):
    spec = make_spec("regression", 2, ())
    model, batch = build("realmlp", spec, hidden=[8], dropout=0.0), make_batch(spec)
    before = [6 * model.scale.weight.detach().clone(), model.blocks[0].weight.detach().clone()]
    model(batch).square().sum().backward()
    torch.optim.Adam(model.parameters(), lr=0.01).step()
    after = [6 * model.scale.weight, model.blocks[0].weight]
    steps = [(b - a).abs().max().item() for a, b in zip(before, after, strict=True)]
    assert steps == pytest.approx([0.06, 0.01], rel=1e-3)


def test_many_categories_are_embedded(build, make_spec, make_batch):
    spec = make_spec("multiclass", 2, (40, 6, 4, 2))
    model = build("realmlp", spec)
    assert (model.large, model.small) == ([0], [1, 2])
    assert model(make_batch(spec)).shape == (24, 3)
