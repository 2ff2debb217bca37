"""Low-rank updates, also of GPT-2's linear layers, whose weights lie the other way round."""

import copy
import math

import pytest
import torch
import transformers
from torch import nn

from lepton.errors import ConfigError
from lepton.example import make_batch, make_text_spec
from lepton.finetune.lora import LoRA
from lepton.finetune.machinery.adapters import adapters_switched_off, merge_adapters
from lepton.finetune.machinery.low_rank import inject_low_rank
from lepton.finetune.vera import VeRA
from lepton.model.transformer import Transformer
from lepton.optimizer.parameter_groups import parameter_groups
from tests.finetune.architectures.test_trained_parameters import LORA, built


@pytest.mark.slow
@pytest.mark.parametrize("use_dora", [False, True])
def test_updates_of_turned_layers_are_those_of_the_weights_as_they_multiply(use_dora, tmp_path):
    sizes = {"vocab_size": 50, "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 40}
    transformers.GPT2Model(transformers.GPT2Config(**sizes)).save_pretrained(tmp_path)
    spec = make_text_spec("multiclass")
    settings = {"tokenizer": None, "architecture": {}, "pooling": None, "dropout": 0.0}
    settings |= {"normalize": False, "gradient_checkpointing": False}
    poolings = {"encoder": "mean", "decoder": "last"}
    model = Transformer(
        spec=spec, path=str(tmp_path), pretrained=True, default_pooling=poolings, **settings
    ).eval()
    batch = make_batch(spec)
    weights = {name: p.detach().clone() for name, p in model.named_parameters()}
    before = model(batch)
    options = {"rank": 2, "alpha": 4.0, "dropout": 0.0, "targets": None, "option": "lora"}
    tuned = inject_low_rank(model, use_dora=use_dora, **options).eval()
    torch.testing.assert_close(tuned(batch), before)
    parameters = dict(tuned.named_parameters())
    trained = {name for name, p in parameters.items() if p.requires_grad}
    assert {name.partition(".lora_")[0] for name in trained if ".lora_" in name} == {
        f"encoder.h.0.{layer}" for layer in ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")
    }
    for name in trained:
        if "lora_B" in name:
            torch.nn.init.normal_(parameters[name])
    merged = merge_adapters(tuned)
    torch.testing.assert_close(merged(batch), tuned(batch), rtol=1e-4, atol=1e-5)
    if not use_dora:
        name = "encoder.h.0.mlp.c_fc"
        down, up = (parameters[f"{name}.lora_{part}.default.weight"] for part in "AB")
        expected = weights[f"{name}.weight"] + 4.0 / 2 * (up @ down).T
        torch.testing.assert_close(merged.get_parameter(f"{name}.weight"), expected)


LAYERS = {  # a linear layer of each, and whether its weight lies the other way round
    "bert": ("encoder.encoder.layer.1.intermediate.dense", False),
    "gpt2": ("encoder.h.1.mlp.c_fc", True),
}


def lora(**changes):
    return LoRA(**LORA | changes)


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYERS)
@torch.no_grad()
def test_principal_updates_begin_as_the_largest_directions_of_a_weight_and_the_rest_is_frozen(name):
    path, is_turned = LAYERS[name]
    untuned, batch = built(name)
    weight = untuned.get_submodule(path).weight.clone()
    u, s, v = torch.linalg.svd(weight.double(), full_matrices=False)
    largest = (u[:, :2] * s[:2] @ v[:2]).float()
    model = lora(start="pissa").prepare(copy.deepcopy(untuned), None).eval()
    layer = model.get_submodule(path)
    update = layer.get_delta_weight("default")  # as the weight lies
    torch.testing.assert_close(update, largest, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(layer.get_base_layer().weight, weight - largest)
    down, up = (layer.get_submodule(f"lora_{part}").default.weight for part in "AB")
    assert torch.linalg.matrix_rank(down) == torch.linalg.matrix_rank(up) == 2
    assert update.shape == ((up @ down).T if is_turned else up @ down).shape
    before = untuned(batch)
    torch.testing.assert_close(model(batch), before, rtol=1e-4, atol=1e-5)
    with adapters_switched_off(model):
        assert torch.equal(model(batch), before)
    nn.init.normal_(up)
    changed = model(batch)
    assert (changed - before).abs().max() > 1e-3
    torch.testing.assert_close(merge_adapters(model)(batch), changed, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("stabilized", "factor"), [(False, 6 / 4), (True, 6 / math.sqrt(4))])
@torch.no_grad()
def test_an_update_is_scaled_by_its_rank_or_by_the_root_of_it(stabilized, factor):
    path, _ = LAYERS["bert"]
    untuned, _ = built("bert")
    method = lora(rank=4, alpha=6.0, rank_stabilized=stabilized)
    model = method.prepare(copy.deepcopy(untuned), None)
    layer = model.get_submodule(path)
    down, up = (layer.get_submodule(f"lora_{part}").default.weight for part in "AB")
    nn.init.normal_(up)
    change = merge_adapters(model).get_submodule(path).weight - untuned.get_submodule(path).weight
    torch.testing.assert_close(change, factor * up @ down, rtol=1e-4, atol=1e-6)


def test_the_outer_matrices_alone_have_a_rate_of_their_own():
    method = lora(rate_ratio=16.0)
    model = method.prepare(copy.deepcopy(built("gpt2")[0]), None)
    whole = parameter_groups(model)
    groups = method.groups(model, whole)
    rate_by_name = {n: g.get("lr_scale", 1.0) for g in groups for n in g["names"]}
    assert rate_by_name == {
        name: 16.0 if ".lora_B." in name else 1.0
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }
    decay_by_name = {n: g.get("weight_decay") for g in groups for n in g["names"]}
    assert decay_by_name == {n: g.get("weight_decay") for g in whole for n in g["names"]}
    assert sum(len(group["params"]) for group in groups) == len(rate_by_name)
    assert lora().groups(model, whole) is whole


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rank": 9}, "finetune.rank: 9 is above 8, the rank of encoder.encoder.layer.0"),
        ({"keep": "adapter"}, "finetune.keep=adapter: finetune.start=pissa changes the weights"),
    ],
)
def test_principal_updates_that_cannot_be_are_refused_in_a_line(changes, message):
    with pytest.raises(ConfigError, match=message) as error:
        lora(start="pissa", **changes).prepare(copy.deepcopy(built("bert")[0]), None)
    assert len(error.value.problems) == 1


def test_principal_updates_leave_convolutions_out():
    model = lora(start="pissa").prepare(copy.deepcopy(built("convnext")[0]), None)
    adapted = {name for name, _ in model.named_parameters() if ".lora_A." in name}
    assert len(adapted) == 6  # two linear layers in each of three blocks
    assert all(".pwconv" in name for name in adapted)
    with pytest.raises(ConfigError, match="start=pissa: takes linear layers alone"):
        lora(start="pissa", targets=[".*patch_embeddings"]).prepare(
            copy.deepcopy(built("convnext")[0]), None
        )


@pytest.mark.parametrize("name", LAYERS)
@torch.no_grad()
def test_factors_scale_random_matrices_that_all_layers_share(name):
    path, is_turned = LAYERS[name]
    untuned, _ = built(name)
    settings = {"rank": 5, "initial": 0.3, "dropout": 0.0, "targets": None, "keep": None}
    model = VeRA(**settings).prepare(copy.deepcopy(untuned), None)
    layer = model.get_submodule(path)
    inner, outer = layer.vera_lambda_d.default, layer.vera_lambda_b.default
    assert inner.tolist() == [pytest.approx(0.3)] * 5
    nn.init.normal_(outer)
    change = merge_adapters(model).get_submodule(path).weight - untuned.get_submodule(path).weight
    change = change.T if is_turned else change
    a, b = layer.vera_A.default, layer.vera_B.default
    expected = outer.diag() @ b[: change.shape[0]] @ inner.diag() @ a[:, : change.shape[1]]
    torch.testing.assert_close(change, expected, rtol=1e-4, atol=1e-6)
    layers = [m for m in model.modules() if hasattr(m, "vera_lambda_d")]
    assert len({m.vera_A.default.data_ptr() for m in layers}) == 1 < len(layers)
    again = VeRA(**settings).prepare(copy.deepcopy(built("bert")[0]), None)
    assert not [n for n in again.state_dict() if "vera_A" in n]  # drawn again when it is read


def test_a_rank_whose_matrices_exceed_the_memory_is_refused():
    settings = {"initial": 0.3, "dropout": 0.0, "targets": None, "keep": None}
    with pytest.raises(
        ConfigError, match=r"finetune\.rank: matrices of 1000000000 rows take \d+ GB"
    ):
        VeRA(rank=10**9, **settings).prepare(copy.deepcopy(built("bert")[0]), None)
