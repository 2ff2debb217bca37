"""The layers of encoders of transformers, against the order in which their modules are called."""

import pytest
import torch
import transformers
from torch import nn

from lepton.compat.transformers import without_decoder
from lepton.config.renamed_layers import PLAIN
from lepton.model.encoder_layers import encoder_layers

TEXT = {"vocab_size": 40}
SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
SIZES |= {"intermediate_size": 24}
PATCHES = {"image_size": 16, "patch_size": 4}
SEQ2SEQ = {
    **{"d_model": 16, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2},
    **{"decoder_attention_heads": 2, "encoder_ffn_dim": 24, "decoder_ffn_dim": 24},
}
WAVES = {
    **{"conv_dim": [8, 8], "conv_kernel": [4, 4], "conv_stride": [4, 4], "vocab_size": 40},
    **{"num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2},
}
STABLE = {"do_stable_layer_norm": True, "feat_extract_norm": "layer"}
ENCODERS = {
    "albert": {**TEXT, **SIZES, "embedding_size": 8},
    "bart": {**TEXT, **SEQ2SEQ},
    "convnext": {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 2, 1]},
    "deberta": {**TEXT, **SIZES, "relative_attention": True, "pos_att_type": ["c2p", "p2c"]},
    "electra": {**TEXT, **SIZES, "embedding_size": 8},
    "hubert": {**SIZES, **WAVES, **STABLE},
    "mobilenet_v2": {"depth_multiplier": 0.25},
    "mpnet": {**TEXT, **SIZES},
    "opt": {
        **{**TEXT, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2},
        **{"ffn_dim": 24, "max_position_embeddings": 40, "word_embed_proj_dim": 8},
        "do_layer_norm_before": True,
    },
    "swin": {
        **{"image_size": 32, "patch_size": 2, "embed_dim": 8, "depths": [1, 2]},
        **{"num_heads": [1, 2], "window_size": 4},
    },
    "wav2vec2": {**SIZES, **WAVES},
    "xlm": {**TEXT, "emb_dim": 16, "n_layers": 2, "n_heads": 2},
}


def build(model_type, sizes):
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(model_type, **sizes)
    model = nn.Module()
    model.encoder = without_decoder(transformers.AutoModel.from_config(config)).eval()
    if getattr(model.encoder, "pooler", None) is not None:
        model.encoder.pooler = None
    return model


def inputs_of(encoder):
    if encoder.main_input_name == "pixel_values":
        return torch.zeros(1, 3, 32, 32)
    if encoder.main_input_name == "input_ids":
        return torch.ones(1, 6, dtype=torch.int64)
    return torch.zeros(1, 200)


def called_in_order(model):
    """Names of the modules that hold parameters themselves, in the order of their first call."""
    called = []
    for name, module in model.encoder.named_modules(prefix="encoder"):
        if module is not model.encoder and next(module.parameters(recurse=False), None) is not None:
            module.register_forward_hook(lambda *_, name=name: called.append(name))
    model.encoder(inputs_of(model.encoder))
    return list(dict.fromkeys(called))


@pytest.mark.parametrize("model_type", ENCODERS)
def test_modules_of_a_layer_are_called_before_those_of_the_next(model_type):
    model = build(model_type, ENCODERS[model_type])
    layers = [
        [f"{name}." for name in joined.split("+")] for joined in encoder_layers(model, "encoder")
    ]
    depths = [
        next(depth for depth, names in enumerate(layers) if f"{name}.".startswith(tuple(names)))
        for name in called_in_order(model)
    ]
    assert depths == sorted(depths)
    assert {*depths} == {*range(len(layers))}


@pytest.mark.parametrize("model_type", ENCODERS)
def test_every_parameter_lies_in_one_layer(model_type):
    model = build(model_type, ENCODERS[model_type])
    names = [n for joined in encoder_layers(model, "encoder") for n in joined.split("+")]
    for parameter, _ in model.named_parameters():
        assert sum(f"{parameter}.".startswith(f"{name}.") for name in names) == 1, parameter


def test_what_lies_before_the_blocks_is_a_layer_and_what_follows_is_part_of_the_last():
    encoder = nn.Module()
    encoder.token = nn.Parameter(torch.zeros(1))
    encoder.embeddings = nn.Embedding(2, 2)
    encoder.blocks = nn.ModuleList([nn.Linear(2, 2) for _ in range(2)])
    encoder.norm = nn.LayerNorm(2)
    model = nn.Module()
    model.inner = encoder
    assert encoder_layers(model, "inner") == [
        "inner.token+inner.embeddings",
        "inner.blocks.0",
        "inner.blocks.1+inner.norm",
    ]


def test_without_blocks_every_module_is_a_layer():
    model = nn.Module()
    model.encoder = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    assert encoder_layers(model, "encoder") == ["encoder.0", "encoder.2"]


@pytest.mark.slow
@pytest.mark.parametrize("model_type", sorted(PLAIN))
def test_encoders_that_kept_their_ids_have_one_module_before_their_blocks_and_none_behind(
    model_type,
):
    with torch.device("meta"):
        model = build(model_type, {})
    assert not [joined for joined in encoder_layers(model, "encoder") if "+" in joined]
