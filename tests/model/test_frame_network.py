"""Networks on clips: whether the order of frames matters, and what is tuned of them."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn

from lepton import train
from lepton.config.compose import compose
from lepton.dataset.describe.data_spec import named_fields
from lepton.dataset.inputs.video import VideoInputs
from lepton.errors import ConfigError
from lepton.example import make_target_spec
from lepton.model.cnn_small import CnnSmall
from lepton.model.frame_network import FrameNetwork

FIELDS = {
    **{"frames": 4, "channels": 1, "height": 8, "width": 8},
    **{"mean": [0.5], "std": [0.25]},
}
SPEC = replace(make_target_spec("multiclass"), **named_fields(VideoInputs, FIELDS, {}))
POOLINGS = ("mean", "attention", "transformer")


def make_network(pooling, **changed):
    torch.manual_seed(0)
    backbone = partial(CnnSmall, channels=[4, 8], dropout=0.0)
    values = {
        "backbone": backbone,
        "layer": None,
        "places": 1,
        "width": 8,
        "blocks": 2,
        "heads": 2,
        "dropout": 0.0,
    }
    return FrameNetwork(spec=SPEC, pooling=pooling, **{**values, **changed}).eval()


def clips(rows=3):
    generator = torch.Generator().manual_seed(1)
    return torch.randint(256, (rows, 4, 1, 8, 8), generator=generator, dtype=torch.uint8)


@torch.no_grad()
@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_mean_knows_no_order_of_frames_and_the_others_do(pooling):
    network, video = make_network(pooling), clips()
    features, reverse = (
        network.features({"video": video}),
        network.features({"video": video.flip(1)}),
    )
    assert torch.allclose(features, reverse, atol=1e-6) == (pooling == "mean")


@torch.no_grad()
def test_the_mean_is_that_of_the_backbones_features():
    network, video = make_network("mean"), clips()
    alone = [network.backbone.features({"image": video[:, place]}) for place in range(4)]
    assert torch.allclose(network.features({"video": video}), torch.stack(alone).mean(0), atol=1e-6)


@torch.no_grad()
def test_a_map_keeps_where_something_is():
    network = make_network("mean", layer="blocks.1", places=2)
    kept = network.features({"video": clips()}).unflatten(1, (8, 2, 2))
    frames = clips().flatten(0, 1)
    maps = [network.backbone.blocks[0](network.backbone.pixels(frames))]
    maps.append(network.backbone.blocks[1](nn.functional.max_pool2d(maps[0], 2)))
    expected = maps[1][:, :, :2, 2:].mean((2, 3)).unflatten(0, (3, 4)).mean(1)
    assert torch.allclose(kept[:, :, 0, 1], expected, atol=1e-5)
    with pytest.raises(ConfigError, match=r"model\.layer: the backbone has no layer 'top'"):
        make_network("mean", layer="top")


@torch.no_grad()
def test_a_block_of_the_transformer_is_that_of_torch():
    block = make_network("transformer").pool.blocks[0]
    other = nn.TransformerEncoderLayer(
        8, 2, 16, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    ).eval()
    pairs = [
        (other.self_attn.in_proj_weight, block.parts.weight),
        (other.self_attn.in_proj_bias, block.parts.bias),
        (other.self_attn.out_proj.weight, block.out.weight),
        (other.self_attn.out_proj.bias, block.out.bias),
        *((getattr(other.norm1, name), getattr(block.norm, name)) for name in ("weight", "bias")),
        *((getattr(other.norm2, name), getattr(block.mix[0], name)) for name in ("weight", "bias")),
        *((getattr(other.linear1, n), getattr(block.mix[1], n)) for n in ("weight", "bias")),
        *((getattr(other.linear2, n), getattr(block.mix[3], n)) for n in ("weight", "bias")),
    ]
    for theirs, ours in pairs:
        theirs.copy_(ours)
    values = torch.randn(3, 4, 8)
    assert torch.allclose(block(values), other(values), atol=1e-5)


def test_layers_go_from_the_backbone_to_the_head():
    layers = ["backbone.blocks.0", "backbone.blocks.1"]
    assert make_network("mean").layers() == [*layers, "head"]
    assert make_network("transformer").layers() == [*layers, "pool", "head"]


def test_wrong_values_are_a_line():
    with pytest.raises(ConfigError, match=r"model\.width=8: is not divided by model\.heads=3"):
        make_network("attention", heads=3)
    with pytest.raises(ConfigError, match="has no layers"):
        make_network("mean", backbone=lambda spec: nn.Linear(1, 1))


@pytest.mark.slow
def test_the_transformer_learns_which_way_digits_go_and_the_mean_and_one_frame_do_not(
    tmp_path,
):
    options = ("dataset=moving_digits", "model=frame_network", "trainer=cpu", "optimizer.lr=2e-3")
    more = ("scheduler=one_cycle", "trainer.max_epochs=24", "batch_size=64", f"runs={tmp_path}")
    accuracy = {
        word: train(compose(*options, *more, "study=ways", word)).metrics["test/accuracy"]
        for word in ("model.pooling=transformer", "model.pooling=mean", "dataset.frames=1")
    }
    assert accuracy["model.pooling=transformer"] > 0.9
    assert accuracy["model.pooling=mean"] < 0.33  # 0.25 is chance
    assert accuracy["dataset.frames=1"] < 0.33
