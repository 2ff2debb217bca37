import pytest
import tabm
import torch
from rtdl_num_embeddings import PeriodicEmbeddings, PiecewiseLinearEmbeddings
from rtdl_revisiting_models import FTTransformer
from torch import nn

from lepton.optimizer.parameter_groups import parameter_groups


def names_of(model, decay):
    return {n for g in parameter_groups(model) if g["decay"] is decay for n in g["names"]}


def test_each_trainable_parameter_is_in_one_group_under_its_name(network):
    groups = parameter_groups(network)
    by_name = dict(network.named_parameters())
    grouped = [(n, p) for g in groups for n, p in zip(g["names"], g["params"], strict=True)]
    assert all(by_name[n] is p for n, p in grouped)
    assert sorted(n for n, _ in grouped) == sorted(n for n in by_name if "frozen" not in n)


def test_only_weights_of_dense_layers_are_decayed(network):
    assert names_of(network, True) == {"layers.0.weight", "layers.3.weight", "output.weight"}
    decayed, undecayed = parameter_groups(network)
    assert "weight_decay" not in decayed
    assert undecayed["weight_decay"] == 0.0


def test_hidden_are_the_matrices_between_the_first_and_the_last(network):
    assert [g["hidden"] for g in parameter_groups(network)] == [["layers.3.weight"], []]


def test_groups_without_parameters_are_left_out():
    assert [g["decay"] for g in parameter_groups(nn.Embedding(3, 2))] == [False]
    assert [g["decay"] for g in parameter_groups(nn.Linear(3, 2, bias=False))] == [True]
    assert parameter_groups(nn.Linear(3, 2).requires_grad_(False)) == []


def test_what_rtdl_protects_in_its_transformer_is_not_decayed():
    sizes = FTTransformer.get_default_kwargs(n_blocks=2)
    model = FTTransformer(n_cont_features=2, cat_cardinalities=[3], d_out=1, **sizes)
    _, protected = model.make_parameter_groups()
    ids = {id(p) for p in protected["params"]} | {id(p) for p in model.parameters() if p.ndim < 2}
    assert names_of(model, False) == {n for n, p in model.named_parameters() if id(p) in ids}


@pytest.mark.parametrize(
    "module",
    [
        PiecewiseLinearEmbeddings([torch.arange(4.0)], 3, activation=False, version="B"),
        PeriodicEmbeddings(2, 3, lite=False),
        nn.LayerNorm([3, 4]),
        tabm.ElementwiseAffine((2, 3), bias=True, scaling_init="normal"),
    ],
    ids=lambda module: type(module).__name__,
)
def test_embeddings_norms_and_scales_are_not_decayed(module):
    assert names_of(nn.Sequential(module), True) == set()


def test_member_scales_of_tabm_are_not_decayed():
    model = nn.Sequential(tabm.LinearBatchEnsemble(3, 4, k=2, scaling_init="ones"))
    assert names_of(model, True) == {"0.weight"}
    assert names_of(model[0], True) == {"weight"}
