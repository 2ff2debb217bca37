import torch
from sklearn.preprocessing import OneHotEncoder


def test_logits_are_the_product_of_numbers_and_one_hot_codes(make_spec, make_batch, build):
    spec = make_spec("multiclass", 3, (4, 6))
    model = build("linear", spec)
    for p in model.parameters():
        torch.nn.init.normal_(p)
    batch = make_batch(spec)
    encoder = OneHotEncoder(categories=[range(4), range(6)], sparse_output=False)
    one_hot = torch.tensor(encoder.fit_transform(batch["cat"]), dtype=torch.float32)
    design = torch.cat([batch["num"], one_hot], 1)
    coefficients = torch.cat([model.weight.T, model.table])
    torch.testing.assert_close(model(batch), design @ coefficients + model.bias)


def test_an_unseen_category_leaves_the_numbers_alone(make_spec, make_batch, build):
    spec = make_spec("multiclass", 3, (4, 6))
    model = build("linear", spec)
    model(make_batch(spec, lowest=2)).square().sum().backward()
    (model(make_batch(spec, lowest=2)) - 1).square().sum().backward()
    torch.optim.Adam(model.parameters(), lr=0.1).step()
    batch = make_batch(spec, seed=1)
    unseen = batch | {"cat": torch.ones_like(batch["cat"])}
    assert not torch.allclose(model(batch), model(unseen))
    torch.testing.assert_close(model(unseen), batch["num"] @ model.weight.T + model.bias)
