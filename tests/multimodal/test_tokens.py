"""Several tokens an encoder: what encoders hand on, how few they become, and how they are fused."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.identity import canonical_config, run_id
from lepton.dataset.inputs.find import input_kind
from lepton.errors import ConfigError
from lepton.example import make_batch, make_specs, make_text_spec
from lepton.model.token_features import Tokens, thinned
from lepton.testing import ModelContract
from tests.multimodal.test_model import node, spec_of
from tests.quick import quick
from tests.shop_files import SHOP, write_shop

SEVERAL = ("model.fusion=attention", "model.tokens=4")
TINY = {
    "text_cnn": ["model.encoders.text.width=8", "model.encoders.text.filters=4"],
    "transformer_tiny": ["model.encoders.text.architecture.hidden_size=16"],
    "vit": ["model.encoders.image.width=12", "model.encoders.image.blocks=2"],
    "image_resnet": ["model.encoders.image.width=4"],
    "convnext": ["model.encoders.image.widths=[4,4,8,8]", "model.encoders.image.blocks=[1,1,1,1]"],
    "ft_transformer": ["model.encoders.table.width=8", "model.encoders.table.heads=2"],
    "audio_cnn": ["model.encoders.audio.channels=[4,6]"],
    "bc_resnet": ["model.encoders.audio.width=0.5"],
    "audio_transformer": ["model.encoders.audio.width=16", "model.encoders.audio.blocks=1"],
}
KIND_OF = {"text_cnn": "text", "transformer_tiny": "text", "ft_transformer": "table"}
KIND_OF |= dict.fromkeys(("vit", "image_resnet", "convnext"), "image")
KIND_OF |= dict.fromkeys(("audio_cnn", "bc_resnet", "audio_transformer"), "audio")


def words_of(name):
    """The words that choose an encoder, and make it small."""
    return [f"model.encoders.{KIND_OF[name]}={name}", *TINY[name]]


def made(spec, *words):
    return build.instantiate(node(*SEVERAL, *words), "model", spec=spec)


def encoder_of(name, spec):
    """The network that stands in the model for a kind, and the whole model."""
    torch.manual_seed(0)
    model = made(spec, *words_of(name)).eval()
    return model.encoder(KIND_OF[name]).model, model


@pytest.mark.parametrize("name", quick([None, *TINY], "ft_transformer"))
class TestTokensOfEncoders(ModelContract):
    tasks = ("multiclass",)

    @pytest.fixture(autouse=True)
    def choose(self, name):
        self.name = name
        kinds = ("table", "text", "image") if name is None else {KIND_OF[name], "table", "image"}
        self.reads = (*sorted(kinds), "presence")

    def build(self, spec):
        return made(spec, *(words_of(self.name) if self.name else []))


def test_tokens_beyond_the_most_are_means_of_neighbours_and_no_row_knows_anothers_padding():
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(8, 11, 3, generator=generator)
    own = [0, 1, 3, 4, 5, 7, 8, 11]
    mask = torch.arange(11) < torch.tensor(own)[:, None]
    mask[5] = mask[5].flip(0)  # a row's own need not come first
    means, there = thinned(Tokens(values.masked_fill(~mask[..., None], math.nan), mask), 4)
    for row, count in enumerate(own):
        tokens = values[row][mask[row]].numpy()
        groups = np.array_split(np.arange(count), min(count, 4)) if count else []
        assert there[row].sum() == len(groups)
        assert not means[row, len(groups) :].any()
        sizes = sorted(map(len, groups))
        bins = [[p for p in range(count) if p * 4 // count == b] for b in range(4)] if count else []
        bins = bins if count > 4 else [[p] for p in range(count)]
        assert sorted(map(len, bins)) == sizes  # as even as can be
        for slot, places in enumerate(bins):
            expected = tokens[places].mean(0)
            np.testing.assert_allclose(means[row, slot].numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("sides", "most", "grid"),
    [((8, 8), 16, (4, 4)), ((7, 7), 20, (4, 5)), ((2, 9), 16, (2, 8)), ((9, 1), 4, (4, 1))],
)
def test_the_tokens_of_a_map_are_the_means_of_the_fields_of_a_grid(sides, most, grid):
    values = torch.randn(2, 5, *sides)
    means, there = thinned(Tokens(values), most)
    fields = [[[] for _ in range(grid[1])] for _ in range(grid[0])]
    for y in range(sides[0]):
        for x in range(sides[1]):
            fields[y * grid[0] // sides[0]][x * grid[1] // sides[1]].append(values[:, :, y, x])
    expected = [torch.stack(places).mean(0) for line in fields for places in line]
    assert there.sum(1).tolist() == [len(expected)] * 2
    torch.testing.assert_close(means[:, : len(expected)], torch.stack(expected, 1))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bag", "cnn_small", "image_resnet", "audio_cnn", "bc_resnet"])
@torch.no_grad()
def test_tokens_are_what_a_mean_makes_the_features_of(name):
    kind = KIND_OF.get(name) or {"bag": "text", "cnn_small": "image"}[name]
    spec = spec_of(kind)
    torch.manual_seed(0)
    model = made(spec, *(words_of(name) if name in TINY else [])).eval().encoder(kind).model
    batch = make_batch(spec)
    values, mask = model.token_features(batch)
    values = values.flatten(2).mT if mask is None else values
    for row, features in enumerate(model.features(batch)):
        own = values[row] if mask is None else values[row][mask[row]]
        torch.testing.assert_close(own.mean(0), features, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_the_features_of_a_text_cnn_are_the_largest_of_its_tokens():
    spec = make_text_spec("binary")
    model, _ = encoder_of("text_cnn", spec)
    batch = make_batch(spec)
    values, mask = model.token_features(batch)
    largest = values.masked_fill(~mask[..., None], -1).amax(1)
    torch.testing.assert_close(largest, model.features(batch))


@pytest.mark.slow
@torch.no_grad()
def test_the_tokens_of_a_vit_are_its_patches_at_their_places():
    spec = spec_of("image")
    model, _ = encoder_of("vit", spec)
    batch = make_batch(spec, rows=3)
    places = model.token_features(batch).values
    fields, patch = spec.inputs["image"], model.encoder.config.patch_size
    sides = [-(-fields[side] // patch) for side in ("height", "width")]
    assert [*places.shape[2:]] == sides
    pixels = model.pixels(batch["image"])
    padded = nn.functional.pad(pixels, model.padding)
    hidden = model.encoder(pixel_values=padded).last_hidden_state
    for y in range(sides[0]):
        for x in range(sides[1]):
            torch.testing.assert_close(places[:, :, y, x], hidden[:, 1 + y * sides[1] + x])


@torch.no_grad()
def test_the_token_of_a_column_is_what_rtdl_makes_of_it_in_the_place_of_the_class_token():
    spec = spec_of("table")
    model, _ = encoder_of("ft_transformer", spec)
    batch = make_batch(spec, rows=4)
    values, mask = model.token_features(batch)
    assert mask is None
    tokens = model._tokens(batch)
    assert values.shape[1] == tokens.shape[1] - 1 == len(spec.num_features + spec.cat_features)
    for column in range(values.shape[1]):
        first = tokens.roll(-1 - column, 1)
        torch.testing.assert_close(values[:, column], model.backbone(first), rtol=1e-4, atol=1e-5)


def torch_layer(block):
    """torch's own layer with the weights of a block."""
    width = block.output.in_features
    layer = nn.TransformerEncoderLayer(
        width, block.heads, 4 * width, activation="gelu", batch_first=True, norm_first=True
    )
    state = block.state_dict()
    query, value = state["query_and_value.weight"].chunk(2)
    query_bias, value_bias = state["query_and_value.bias"].chunk(2)
    biases = [query_bias, torch.zeros_like(query_bias), value_bias]
    theirs = {
        "self_attn.in_proj_weight": torch.cat([query, state["key.weight"], value]),
        "self_attn.in_proj_bias": torch.cat(biases),
    }
    names = {"self_attn.out_proj": "output", "norm1": "attention_norm", "norm2": "linear_norm"}
    names |= {"linear1": "linear.0", "linear2": "linear.3"}
    for name, ours in names.items():
        theirs |= {f"{name}.{part}": state[f"{ours}.{part}"] for part in ("weight", "bias")}
    layer.load_state_dict(theirs)
    return layer.eval()


@torch.no_grad()
def test_each_row_is_fused_as_torchs_layers_do_of_the_tokens_that_it_has_alone():
    spec = spec_of("table", "text", "image", "presence")
    batch = make_batch(spec, rows=12)
    batch["present"] = torch.rand(12, 2, generator=torch.Generator().manual_seed(0)) > 0.4
    batch["present"][:2] = torch.tensor([[False, False], [True, True]])
    torch.manual_seed(0)
    model = made(spec, "model.layers=2").eval()
    for parameter in model.head.parameters():
        nn.init.normal_(parameter, std=0.3)
    fusion, logits = model.head.fusion, model(batch)
    layers = [torch_layer(block) for block in fusion.blocks]
    where = dict(zip(spec.inputs["presence"]["kinds"], batch["present"].T, strict=True))
    for row in range(12):
        tokens = []
        for number, kind in enumerate(model.kinds):
            if kind in where and not where[kind][row]:
                continue
            values, mask = model.encoder(kind).tokens(batch)
            own = values[row] if mask is None else values[row][mask[row]]
            places = fusion.places[number][: len(own)]
            tokens.append(fusion.projections[number](own) + places)
        counts = [*map(len, tokens)]
        assert counts[0] == 1  # the table has one
        assert max(counts) == (4 if len(counts) > 1 else 1)
        line = torch.cat([*tokens, fusion.summary[None]])[None]
        for layer in layers:
            line = layer(line)
        expected = model.head.output(model.head.layers(fusion.norm(line[:, -1])))
        torch.testing.assert_close(logits[row : row + 1], expected, rtol=1e-4, atol=1e-4)


def test_dropped_kinds_lose_all_their_tokens_and_the_others_keep_them():
    spec = spec_of("text", "image")
    model = made(spec, "model.modality_dropout=0.5", "model.dropout=0.0").train()
    features = model.features(make_batch(spec, rows=256)).detach()
    seen = []
    hook = model.head.fusion.register_forward_hook(lambda _, given, __: seen.append(given[1]))
    model.head(features)
    model.eval().head(features)
    hook.remove()
    dropped, whole = seen
    shares = []
    for mask, full in zip(dropped.split(4, 1), whole.split(4, 1), strict=True):
        gone = ~mask.any(1)
        assert torch.equal(mask[~gone], full[~gone])
        shares.append(gone.float().mean().item())
    assert dropped.any(1).all()
    # both are dropped with .25, which drops none: each is away with .5 - .25
    assert shares == pytest.approx([0.25, 0.25], abs=0.1)


@pytest.mark.slow
def test_one_token_is_what_there_was_before_the_key_and_keeps_the_ids_of_runs(here):
    write_shop(here)
    config = check(compose(*SHOP))
    assert "tokens" not in canonical_config(config)["model"]
    assert run_id(check(compose(*SHOP, "model.tokens=1"))) == run_id(config)
    several = check(compose(*SHOP, *SEVERAL))
    assert run_id(several) != run_id(check(compose(*SHOP, "model.fusion=attention")))


MISTAKES = {
    "model.tokens=4": "model.tokens=4: fusion=late takes one token an encoder, tokens=1; several "
    "need model.fusion=attention",
    "model.tokens=4 | model.fusion=attention | model.encoders.text=null": "model.tokens=4: MLP has "
    "no tokens but one for a row; networks on pictures, texts and sounds have",
    "model.tokens=0": "model.tokens: 0 is not int, 1 at least",
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_tokens_that_there_are_none_of_are_told_in_a_line(mistake):
    with pytest.raises(ConfigError) as told:
        build.instantiate(node(*mistake.split(" | ")), "model", spec=spec_of("table", "text"))
    assert MISTAKES[mistake] in str(told.value)


@pytest.mark.slow
def test_weights_of_a_pooling_that_tokens_pass_by_are_not_there():
    spec = make_text_spec("binary")
    words = [*words_of("transformer_tiny"), "model.encoders.text.pooling=attention"]
    model = made(spec, *words).eval()
    assert not [name for name, _ in model.named_parameters() if ".attention.score" in name]
    model(make_batch(spec)).sum().backward()
    assert all(p.grad is not None for p in model.parameters())


@torch.no_grad()
@pytest.mark.parametrize("kind", ["wav2vec2", "hubert", "audio-spectrogram-transformer"])
def test_encoders_of_sounds_hand_on_their_steps(kind):
    pytest.importorskip("transformers")
    from lepton.model.audio_encoder import AudioEncoder
    from tests.model.test_audio_networks import ARCHITECTURES, ENCODER

    (spec,) = make_specs("binary", [input_kind("audio")])
    settings = {"path": None, "pretrained": False, "gradient_checkpointing": False}
    architecture = {"model_type": kind, **ARCHITECTURES[kind]}
    model = AudioEncoder(spec=spec, architecture=architecture, **settings, **ENCODER).eval()
    batch = make_batch(spec, rows=5)
    values, mask = model.token_features(batch)
    if mask is None:  # of patches, whose summaries are no mean of them
        config = model.encoder.config
        assert values.shape[1] == (config.max_length - config.patch_size) // config.time_stride + 1
        return
    for row, features in enumerate(model.features(batch)):
        torch.testing.assert_close(values[row][mask[row]].mean(0), features, rtol=1e-4, atol=1e-5)
