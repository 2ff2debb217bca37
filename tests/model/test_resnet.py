import rtdl_revisiting_models as rtdl
import torch


def test_logits_equal_rtdls_on_numbers_beside_embeddings(make_spec, make_batch, build):
    spec = make_spec("multiclass", num=3, cardinalities=(4, 6))
    model, batch = build("resnet", spec).eval(), make_batch(spec)
    reference = rtdl.ResNet(
        d_in=3 + 2 * 8,
        d_out=3,
        n_blocks=2,
        d_block=192,
        d_hidden_multiplier=2.0,
        dropout1=0.15,
        dropout2=0.0,
    ).eval()
    reference.load_state_dict(model.backbone.state_dict())
    tables = model.inputs.categories.table.weight.split([4, 6])
    rows = [table[batch["cat"][:, i]] for i, table in enumerate(tables)]
    torch.testing.assert_close(model(batch), reference(torch.cat([batch["num"], *rows], 1)))
