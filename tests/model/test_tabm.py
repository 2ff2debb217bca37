import pytest
import tabm
import torch
from rtdl_num_embeddings import PiecewiseLinearEmbeddings

FIRST_WEIGHT = "backbone.blocks.0.0.weight"


@pytest.mark.parametrize("arch", ["tabm", "tabm-mini", "tabm-packed"])
@pytest.mark.parametrize("kind", ["none", "piecewise_linear"])
def test_logits_equal_those_of_the_authors_class(arch, kind, make_spec, make_batch, build):
    spec = make_spec("multiclass", num=3, cardinalities=(4, 6))
    sizes = {"k": 4, "dropout": 0.1}
    changes = {"arch": arch, "num_embedding": kind, "bins": 8, "blocks": 2, "width": 16}
    model, batch = build("tabm", spec, **sizes, **changes).eval(), make_batch(spec)
    edges = [torch.tensor(e, dtype=torch.float32) for e in spec.bin_edges(8)]
    numbers = PiecewiseLinearEmbeddings(edges, 16, activation=False, version="B")
    reference = tabm.TabM.make(
        n_num_features=3,
        cat_cardinalities=[3, 5],  # without the unseen code, for which it has no column
        d_out=3,
        num_embeddings=None if kind == "none" else numbers,
        arch_type=arch,
        n_blocks=2,
        d_block=16,
        **sizes,
    ).eval()
    state = {k.replace("numbers.", "num_module."): v for k, v in model.state_dict().items()}
    reference.load_state_dict(state)
    batch["cat"][batch["cat"] == 1] = 0
    codes = (batch["cat"] - 1).clamp(min=0)
    torch.testing.assert_close(model(batch), reference(batch["num"], codes))


@pytest.mark.parametrize(("kind", "signs"), [("none", True), ("periodic", False)])
def test_the_first_scaling_is_drawn_once_a_feature(kind, signs, make_spec, build):
    model = build("tabm", make_spec(num=2, cardinalities=(5,)), num_embedding=kind, num_width=3)
    scaling = model.backbone.blocks[0][0].r
    widths = [1, 1, 4] if kind == "none" else [3, 3, 4]
    for feature in scaling.split(widths, dim=1):
        assert torch.equal(feature, feature[:, :1].expand_as(feature))
    assert bool((scaling.abs() == 1).all()) is signs


def test_more_numbers_than_may_be_embedded_enter_as_they_are(make_spec, build, caplog):
    def shapes(**changes):
        model = build("tabm", make_spec(num=3), num_embedding="piecewise_linear", **changes)
        return {name: value.shape for name, value in model.state_dict().items()}

    assert shapes(max_embedded=3) == shapes(max_embedded=None)
    with caplog.at_level("INFO"):
        plain = shapes(max_embedded=2)
    assert plain[FIRST_WEIGHT][-1] == 3 + 3 + 5  # numbers, and codes but the unseen one
    assert "3 numbers, more than model.max_embedded, are not embedded" in caplog.text
