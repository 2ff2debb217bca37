"""Promises of every network, whatever its architecture."""

import pytest
import torch
import torch.nn.functional as F
from torch.func import functional_call, stack_module_state, vmap

from lepton.optimizer.parameter_groups import parameter_groups

SMALL = {
    "linear": {},
    "mlp": {"hidden": [16, 8]},
    "resnet": {"width": 16},
    "ft_transformer": {"width": 16, "heads": 2, "blocks": 2},
    "tabm": {"width": 16, "k": 4},
}
EMBEDDED = [name for name in SMALL if name != "linear"]
KINDS = ["piecewise_linear", "periodic"]
VARIANTS = [
    *[(name, {}) for name in SMALL],
    *[(name, {"num_embedding": kind, "bins": 8}) for name in EMBEDDED for kind in KINDS],
    ("mlp", {"normalization": "batch"}),
    ("mlp", {"normalization": "layer"}),
    ("tabm", {"arch": "tabm-mini"}),
    ("tabm", {"arch": "tabm-packed"}),
]
variants = pytest.mark.parametrize(("name", "changes"), VARIANTS)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "regression"])
def test_the_yaml_as_it_is_gives_logits_of_the_task(name, task, make_spec, make_batch, build):
    spec = make_spec(task)
    logits = build(name, spec)(make_batch(spec))
    assert logits.shape == ((24, 32, spec.outputs) if name == "tabm" else (24, spec.outputs))
    assert logits.isfinite().all()


@variants
@pytest.mark.parametrize(("num", "cardinalities"), [(3, (4, 6)), (3, ()), (0, (4, 6)), (1, ())])
def test_every_trainable_parameter_gets_a_gradient(
    name, changes, num, cardinalities, make_spec, make_batch, build
):
    spec = make_spec("multiclass", num, cardinalities)
    model = build(name, spec, **SMALL[name] | changes)
    logits = model(make_batch(spec))
    F.cross_entropy(logits.reshape(-1, 3), torch.arange(len(logits.reshape(-1, 3))) % 3).backward()
    still = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


@pytest.mark.slow
@pytest.mark.parametrize(("name", "changes"), VARIANTS)
def test_training_beats_the_constant_prediction(name, changes, make_spec, make_batch, build):
    spec = make_spec("binary", 2, (5,))
    batch = make_batch(spec, rows=256)
    target = (batch["num"][:, 0] + (batch["cat"][:, 0] > 2) > 0.5).float()
    model = build(name, spec, **SMALL[name] | changes)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        logits = model(batch).squeeze(-1)
        expected = target[:, None].expand_as(logits) if logits.ndim == 2 else target
        loss = F.binary_cross_entropy_with_logits(logits, expected)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    rate = target.mean()
    constant = F.binary_cross_entropy(rate.expand_as(target), target)
    assert loss < 0.6 * constant


@variants
def test_models_that_are_stacked_predict_as_they_do_alone(
    name, changes, make_spec, make_batch, build
):
    spec = make_spec("multiclass")
    models = [build(name, spec, init=i, **SMALL[name] | changes).eval() for i in range(3)]
    batch = make_batch(spec)
    params, buffers = stack_module_state(models)
    together = vmap(lambda p, b: functional_call(models[0], (p, b), (batch,)))(params, buffers)
    for alone, stacked in zip(models, together, strict=True):
        torch.testing.assert_close(stacked, alone(batch), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["mlp", "resnet", "ft_transformer"])
def test_the_embedding_of_an_unseen_category_stays_zero_in_training(
    name, make_spec, make_batch, build
):
    spec = make_spec()
    model = build(name, spec, **SMALL[name])
    optimizer = torch.optim.AdamW(parameter_groups(model), lr=0.1, weight_decay=0.5)
    for seed in range(3):
        model(make_batch(spec, seed=seed, lowest=2)).square().sum().backward()
        optimizer.step()
    table = next(p for n, p in model.named_parameters() if n.endswith("table.weight"))
    zero = [i for i, row in enumerate(table) if not row.any()]
    assert zero == [0, 1, 4, 5]  # missing and unseen of features with 4 and 6 codes
