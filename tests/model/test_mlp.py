import pytest
import rtdl_revisiting_models as rtdl
import torch
from torch import nn


def counted(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("normalization", "layer"), [("none", nn.Identity), ("layer", nn.LayerNorm)]
)
def test_logits_equal_those_of_a_hand_built_sequence(
    normalization, layer, make_spec, make_batch, build
):
    spec = make_spec("multiclass", num=3, cardinalities=())
    settings = {"hidden": [8, 5], "activation": "tanh", "normalization": normalization}
    model = build("mlp", spec, **settings, dropout=0.3).eval()
    by_hand = nn.Sequential(
        *(nn.Linear(3, 8), layer(8), nn.Tanh()),
        *(nn.Linear(8, 5), layer(5), nn.Tanh()),
        nn.Linear(5, 3),
    )
    for mine, other in zip(model.parameters(), by_hand.parameters(), strict=True):
        other.data.copy_(mine)
    batch = make_batch(spec)
    torch.testing.assert_close(model(batch), by_hand(batch["num"]))


def test_parameters_are_as_many_as_in_rtdls_with_the_same_sizes(make_spec, build):
    spec = make_spec("binary", num=5, cardinalities=())
    reference = rtdl.MLP(d_in=5, d_out=1, n_blocks=2, d_block=384, dropout=0.1)
    assert counted(build("mlp", spec)) == counted(reference)


def test_dropout_acts_in_training_only(make_spec, make_batch, build):
    spec = make_spec()
    model, batch = build("mlp", spec, dropout=0.5), make_batch(spec)
    assert not torch.equal(model(batch), model(batch))
    model.eval()
    assert torch.equal(model(batch), model(batch))
