import pytest
import rtdl_revisiting_models as rtdl
import torch

from lepton.errors import ConfigError


def test_the_yaml_is_rtdls_default_and_predicts_as_it_does(make_spec, make_batch, build):
    spec = make_spec("multiclass", num=3, cardinalities=(4, 6))
    model, batch = build("ft_transformer", spec).eval(), make_batch(spec)
    reference = rtdl.FTTransformer(
        n_cont_features=3,
        cat_cardinalities=[4, 6],
        d_out=3,
        **rtdl.FTTransformer.get_default_kwargs(n_blocks=3),
    ).eval()
    first, second = model.categories.table.weight.split([4, 6])
    renamed = {
        "cls_embedding.weight": model.class_token,
        "cont_embeddings.weight": model.numbers.weight,
        "cont_embeddings.bias": model.numbers.bias,
        "cat_embeddings.embeddings.0.weight": first,
        "cat_embeddings.embeddings.1.weight": second,
        "cat_embeddings.bias": model.category_bias,
    }
    backbone = {f"backbone.{k}": v for k, v in model.backbone.state_dict().items()}
    reference.load_state_dict(renamed | backbone)  # strict: as many parameters, too
    torch.testing.assert_close(model(batch), reference(batch["num"], batch["cat"]))


def test_heads_that_do_not_divide_the_width_are_told(make_spec, build):
    with pytest.raises(ConfigError, match=r"model\.width: 100 is no multiple of model\.heads=8"):
        build("ft_transformer", make_spec(), width=100)
