"""Embeddings and one-hot codes against their definitions."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lepton.model.inputs import CategoryEmbeddings, OneHot, distinct_edges, number_embeddings

SETTINGS = {"width": 5, "frequencies": 4, "frequency_scale": 0.1}


def test_one_table_equals_an_embedding_for_each_feature():
    torch.manual_seed(0)
    together = CategoryEmbeddings(cardinalities=(4, 3, 7), width=5)
    tables = together.table.weight.split([4, 3, 7])
    codes = torch.stack([torch.randint(0, n, (50,)) for n in (4, 3, 7)], 1)
    apart = [nn.Embedding.from_pretrained(t)(codes[:, i]) for i, t in enumerate(tables)]
    assert torch.equal(together(codes), torch.stack(apart, 1))


def test_one_hot_is_torchs_without_the_unseen_column():
    codes = torch.stack([torch.randint(0, n, (50,)) for n in (4, 3)], 1)
    columns = [F.one_hot(codes[:, i], n)[:, [0, *range(2, n)]] for i, n in enumerate((4, 3))]
    one_hot = OneHot(cardinalities=(4, 3))
    assert torch.equal(one_hot(codes), torch.cat(columns, 1).float())
    assert one_hot.widths == [3, 2]


def test_a_number_that_is_constant_in_training_is_embedded(make_spec):
    spec = make_spec(num=2)
    spec = replace(spec, quantiles=(spec.quantiles[0], (7.0,) * len(spec.quantiles[0])))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        module = number_embeddings(spec=spec, kind="piecewise_linear", bins=8, **SETTINGS)
    assert module(torch.tensor([[0.0, 7.0], [9.0, -9.0]])).isfinite().all()


def test_piecewise_linear_codes_are_the_share_of_each_bin_that_lies_below(make_spec):
    spec = make_spec(num=1)
    edges = spec.bin_edges(4)[0]
    module = number_embeddings(spec=spec, kind="piecewise_linear", bins=4, **SETTINGS)
    x = np.linspace(edges[0], edges[-1], 37)
    shares = np.clip((x[:, None] - edges[:-1]) / np.diff(edges), 0, 1)
    codes = module.impl(torch.tensor(x[:, None], dtype=torch.float32))
    torch.testing.assert_close(codes[:, 0], torch.tensor(shares, dtype=torch.float32))


def test_edges_too_close_for_float32_are_merged():
    edges = distinct_edges(np.array([0.0, 1e-12, 0.5, 0.5 + 1e-12, 1.0 - 1e-7, 1.0]))
    assert edges.tolist() == [0.0, 0.5, 1.0]


@pytest.mark.parametrize("value", [0.0, -3.0, 1e10, 1e-30])
def test_a_single_edge_gets_a_bin_around_it(value):
    low, high = distinct_edges(np.array([value])).tolist()
    assert low < np.float32(value) < high


@pytest.mark.parametrize("kind", ["none", "piecewise_linear", "periodic"])
def test_data_without_numbers_need_no_number_embeddings(kind, make_spec):
    assert number_embeddings(spec=make_spec(num=0), kind=kind, bins=8, **SETTINGS) is None
