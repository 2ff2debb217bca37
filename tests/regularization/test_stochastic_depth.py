"""StochasticDepth: which rows lose a branch, how often by depth, and in which models."""

import re

import pytest
import torch
from torch import nn

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.dataset.inputs.find import input_kind
from lepton.errors import ConfigError
from lepton.example import make_batch, make_specs
from lepton.model.residual import residual_branches
from lepton.regularization.stochastic_depth import DropRows, StochasticDepth
from lepton.testing import MethodContract
from tests.quick import quick

MODELS = {
    "resnet": ("table", 2, "model.blocks=2"),
    "ft_transformer": ("table", 2, "model.blocks=2", "model.width=8", "model.heads=2"),
    "transformer_tiny": ("text", 2),
    "vit_small": ("image", 2, "model.blocks=2", "model.width=12", "model.heads=2"),
    "image_resnet": ("image", 8, "model.width=4"),
    "convnext": ("image", 8, "model.blocks=[2,2,2,2]", "model.widths=[4,8,8,8]"),
    "efficientnet_lite0": ("image", 9, "model.path=null", "model.pretrained=false"),
    "audio_transformer": ("audio", 3, "model.width=16"),
}


class TestStochasticDepth(MethodContract):
    overrides = ("model=resnet", "model.width=8", "model.blocks=3")

    def build(self):
        return StochasticDepth(rate=0.5)


def built(option, kind, *overrides):
    """The network of an option, for made-up rows of a kind, and such rows."""
    data = {"text": "vader", "image": "digits", "audio": "audio_folder", "table": "german_credit"}
    words = (f"dataset={data[kind]}", f"model={option}", *overrides)
    if kind == "audio":
        words += ("dataset.path=.",)
    spec = next(iter(make_specs("multiclass", [input_kind(kind)])))
    torch.manual_seed(0)
    return build.component(check(compose(*words)), "model", spec=spec), make_batch(spec, rows=4)


def weights_within(model, ends):
    """The matrices and filters of a block's branches: of what it adds to what it was given."""
    block = model.get_submodule(re.match(r".*?\.\d+(?:\.layers\.\d+)?(?=\.)", ends[0])[0])
    return [
        layer.weight
        for name, layer in block.named_modules()
        if isinstance(layer, nn.Linear | nn.Conv2d) and "shortcut" not in name
    ]


@pytest.mark.parametrize("option", quick(MODELS, "resnet", "image_resnet"))
def test_a_block_that_is_left_out_learns_nothing_and_the_others_do(option):
    kind, blocks, *overrides = MODELS[option]
    model, batch = built(option, kind, *overrides)
    model.eval()
    before = model(batch)
    ends = residual_branches(model)
    assert len(ends) == blocks
    names = [name for name, _ in model.named_parameters()]
    StochasticDepth(rate=0.5).prepare(model, None)
    assert [name for name, _ in model.named_parameters()] == names
    torch.testing.assert_close(model.eval()(batch), before)  # predictions take all blocks
    drops = [m for m in model.modules() if isinstance(m, DropRows)]
    per_block = len(drops) // blocks
    rates = [drop.rows.p for drop in drops[::per_block]]
    torch.testing.assert_close(rates, [0.5 * (i + 1) / blocks for i in range(blocks)])
    for number, drop in enumerate(drops):
        drop.rows.p = 1.0 if number // per_block == blocks - 1 else 0.0
    model.train()(batch).square().sum().backward()
    of_last = [w.grad for w in weights_within(model, ends[-1])]
    of_first = [w.grad for w in weights_within(model, ends[0])]
    assert of_last
    assert all(grad is None or not grad.any() for grad in of_last)
    assert all(grad.any() for grad in of_first)


def test_whole_rows_are_left_out_and_the_others_are_scaled_up_to_the_same_mean():
    torch.manual_seed(1)
    values = torch.rand(20000, 2, 3) + 1
    answers = DropRows(0.3).train()(values)
    left_out = (answers == 0).flatten(1).all(1)
    torch.testing.assert_close(answers[~left_out], values[~left_out] / 0.7)
    spread = (0.3 * 0.7 / len(values)) ** 0.5
    assert abs(left_out.float().mean() - 0.3) < 5 * spread


def test_what_makes_no_sense_is_refused_in_a_line():
    with pytest.raises(ConfigError, match=r"stochastic_depth: the model Linear names no residual"):
        StochasticDepth(rate=0.5).prepare(nn.Linear(1, 1), None)
    with pytest.raises(ConfigError, match=r"regularization\.stochastic_depth\.rate: 1 is not a"):
        StochasticDepth(rate=1)
    words = ("finetune=head", "init_from=nowhere", "model=resnet")
    with pytest.raises(ConfigError, match=r"regularization, finetune: .*finetune=head.* learns"):
        check(compose(*words, "regularization=stochastic_depth"))
