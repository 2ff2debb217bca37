"""Rows with weights count in the loss as often as these say, however batches are cut."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.errors import ConfigError
from lepton.example import make_spec
from lepton.loss.focal import Focal
from lepton.loss.option import LossOption
from lepton.method import Method
from lepton.task import task_for
from lepton.task.binary import Binary
from lepton.training.learner import build_learner
from lepton.training.loss import training_loss
from lepton.training.step_weights import StepWeights

CASES = {
    "binary": ("binary", None),
    "binary, classes weigh": ("binary", [0.5, 4.0]),
    "multiclass": ("multiclass", None),
    "multiclass, classes weigh": ("multiclass", [1.0, 5.0, 0.2]),
    "multilabel": ("multilabel", None),
    "multilabel, labels weigh": ("multilabel", [1.0, 5.0, 0.2]),
    "regression": ("regression", None),
}
COUNTS = torch.tensor([0, 1, 3, 2, 0, 1, 4, 1])


def task_and_batch(name, class_weights, parallel=None, loss=None, soft=False) -> Any:
    spec = make_spec(task=name)
    weights = class_weights and class_weights[: len(spec.classes)]
    if weights is not None:
        weights = (weights * len(spec.classes))[: len(spec.classes)]
    task = task_for(spec, class_weights=weights, monitor=None, loss=loss)
    generator = torch.Generator().manual_seed(0)
    shape = (len(COUNTS), *([parallel] if parallel else []), task.outputs)
    logits = torch.randn(shape, generator=generator, dtype=torch.float64)
    many = (len(COUNTS), task.outputs)
    target = {
        "binary": torch.rand(len(COUNTS), generator=generator).round(),
        "multiclass": torch.randint(task.outputs, (len(COUNTS),), generator=generator),
        "multilabel": torch.rand(many, generator=generator).round(),
        "regression": torch.randn(len(COUNTS), generator=generator),
    }[name]
    if soft and name == "multiclass":
        target = torch.rand(many, generator=generator, dtype=torch.float64).softmax(-1)
    return task, logits, target.double() if target.is_floating_point() else target


def loss_and_gradient(task, logits, target, **weight):
    logits = logits.clone().requires_grad_()
    loss = task.loss(logits, target, **weight)
    (gradient,) = torch.autograd.grad(loss, logits)
    return loss.detach(), gradient


@pytest.mark.parametrize("parallel", [None, 3])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_whole_weights_are_rows_that_stand_there_so_often(case, soft, parallel):
    task, logits, target = task_and_batch(*CASES[case], parallel=parallel, soft=soft)
    loss, gradient = loss_and_gradient(task, logits, target, weight=COUNTS.float())
    rows = torch.arange(len(COUNTS)).repeat_interleave(COUNTS)
    expected, of_rows = loss_and_gradient(task, logits[rows], target[rows])
    summed = torch.zeros_like(logits).index_add(0, rows, of_rows)
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(gradient, summed, rtol=1e-10, atol=1e-15)
    assert not gradient[COUNTS == 0].any()


@pytest.mark.parametrize("case", CASES)
def test_weights_that_are_all_alike_change_nothing(case):
    task, logits, target = task_and_batch(*CASES[case])
    expected = loss_and_gradient(task, logits, target)
    weighed = loss_and_gradient(task, logits, target, weight=torch.full((len(COUNTS),), 0.7))
    torch.testing.assert_close(weighed, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_batches_by_their_normalizers_are_one_larger_batch(case):
    task, logits, target = task_and_batch(*CASES[case])
    weight, pieces = COUNTS.float(), [slice(0, 4), slice(4, 5), slice(5, 8)]
    losses = [task.loss(logits[p], target[p], weight[p]) for p in pieces]
    sizes = torch.tensor([float(task.normalizer(target[p], weight[p])) for p in pieces]).double()
    expected = task.loss(logits, target, weight)
    together = torch.stack(losses) @ sizes / sizes.sum()
    torch.testing.assert_close(together, expected, rtol=1e-6, atol=1e-9)


def test_a_loss_that_is_chosen_is_weighed_too():
    option = LossOption("loss=focal", partial(Focal, gamma=2.0))
    task, logits, target = task_and_batch("multiclass", [1.0, 5.0, 0.2], loss=option)
    rows = torch.arange(len(COUNTS)).repeat_interleave(COUNTS)
    expected = task.loss(logits[rows], target[rows])
    loss = task.loss(logits, target, COUNTS.float())
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)


def test_a_batch_in_which_no_row_weighs_anything_teaches_nothing():
    task, logits, target = task_and_batch("binary", None)
    loss, gradient = loss_and_gradient(task, logits, target, weight=torch.zeros(len(COUNTS)))
    assert float(loss) == 0
    assert not gradient.any()
    shares = StepWeights(processes=1)
    shares.begin()
    assert float(shares.share(torch.tensor(0.0), [])) == 0
    assert float(shares.share(torch.tensor(2.0), [])) == 1


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Rows with weights, and a test file of as many; texts with weights."""
    folder, rng = tmp_path_factory.mktemp("weighed"), np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(150, 2)), columns=["a", "b"])
    frame["y"] = frame.a - frame.b + rng.normal(size=150)
    frame["w"] = rng.integers(0, 4, 150)
    frame.to_csv(folder / "rows.csv", index=False)
    words = rng.choice(["good", "bad", "fine", "poor", "new"], size=(150, 4))
    texts = pd.DataFrame({"text": [" ".join(row) for row in words], "w": frame.w})
    texts["grade"] = (frame.y + (words == "good").sum(1) > 1).map({True: "up", False: "down"})
    texts.assign(y=frame.y).to_csv(folder / "texts.csv", index=False)
    return folder


def fitted(tmp_path, *overrides) -> Any:
    config = check(compose(*overrides))
    data = build.data(config)
    learner = build_learner(config, data.spec)
    learner.fit(data, tmp_path)
    return data, learner


def rows_of(files, *overrides):
    return ["dataset=csv", f"dataset.path={files}/rows.csv", "dataset.target=y", *overrides]


@pytest.mark.slow
def test_batches_that_accumulate_are_one_larger_batch(files, tmp_path):
    overrides = rows_of(files, "dataset.weight=w", "model=mlp_small", "model.hidden=[4]")
    overrides += ["model.dropout=0", "optimizer=sgd", "optimizer.lr=0.3", "trainer=cpu"]
    overrides += ["trainer.max_epochs=1"]
    data, large = fitted(tmp_path, *overrides, "batch_size=64")
    _, accumulated = fitted(
        tmp_path, *overrides, "batch_size=16", "trainer.accumulate_grad_batches=4"
    )
    unweighed = [o for o in overrides if o != "dataset.weight=w"]
    _, other = fitted(tmp_path, *unweighed, "batch_size=64")
    for name, value in accumulated.model.state_dict().items():
        torch.testing.assert_close(value, large.model.state_dict()[name], rtol=0, atol=1e-6)
    assert not torch.equal(large.model.output.weight, other.model.output.weight)
    assert data.spec.num_features == ("a", "b")


def test_boosted_trees_learn_as_scikit_learns_do_with_sample_weight(files, tmp_path):
    overrides = rows_of(files, "dataset.weight=w", "model=gradient_boosting", "model.max_iter=20")
    data, learner = fitted(tmp_path, *overrides)
    train, val = data.splits["train"], data.splits["val"]
    model = HistGradientBoostingRegressor(
        max_iter=20, early_stopping=True, n_iter_no_change=20, random_state=0
    )
    x, x_val = train["num"].double().numpy(), val["num"].double().numpy()
    model.fit(
        x,
        train["target"].float().numpy(),
        sample_weight=train["weight"].double().numpy(),
        X_val=x_val,
        y_val=val["target"].float().numpy(),
        sample_weight_val=val["weight"].numpy(),
    )
    best = int(np.argmax(model.validation_score_[1:]))
    expected = list(model.staged_predict(x_val))[best]
    assert learner.predict(val).numpy() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("target", ["grade", "y"])
def test_linear_models_of_texts_learn_as_scikit_learns_do(target, files, tmp_path):
    overrides = ["dataset=text_csv", f"dataset.path={files}/texts.csv", f"dataset.target={target}"]
    overrides += ["dataset.text=text", "dataset.weight=w", "model=tfidf_linear"]
    overrides += ["dataset.duplicates=keep", "model.strengths=[0.5]", "model.min_documents=1"]
    data, learner = fitted(tmp_path, *overrides)
    train, val = data.splits["train"], data.splits["val"]
    x, x_val = (learner.model._count_terms(rows["texts"]) for rows in (train, val))
    y, weight = train["target"].numpy(), train["weight"].numpy()
    if target == "y":
        model = Ridge(alpha=2, solver="sparse_cg").fit(x, y, weight)
        expected = model.predict(x_val)
    else:
        model = LogisticRegression(C=0.5, max_iter=1000).fit(x, y, weight)
        expected = model.predict_proba(x_val)[:, 1]
    assert learner.predict(val).numpy() == pytest.approx(expected, abs=2e-4)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["xgboost", "lightgbm", "catboost"])
def test_rows_that_weigh_nothing_are_not_learned_from(model, files, tmp_path):
    """Where half of the rows teach the opposite and weigh nothing, the others are learned."""
    pytest.importorskip(model)
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"a": rng.normal(size=300), "b": rng.normal(size=300)})
    frame["w"] = rng.integers(0, 2, 300)
    frame["y"] = np.where(frame.w == 1, frame.a > 0, frame.a < 0).astype(int)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    overrides = rows_of(tmp_path, "dataset.weight=w", f"model={model}", "model.patience=null")
    data, learner = fitted(tmp_path, *overrides)
    test = data.splits["test"]
    above = test["num"][:, data.spec.num_features.index("a")] > 0
    assert ((learner.predict(test) > 0.5) == above).double().mean() > 0.85


class OwnLoss(Binary):
    def _loss(self, logits, encoded):
        return logits.square().mean()


class WholeLoss(Binary):
    def loss(self, logits, encoded):
        return logits.square().mean()


def test_tasks_with_a_loss_of_their_own_do_not_weigh_rows():
    spec = make_spec(task="binary")
    for task, weighs in ((Binary, True), (OwnLoss, False), (WholeLoss, False)):
        assert task(spec, class_weights=None, monitor=None).weighs_rows is weighs


class Dropping(Method):
    def on_batch(self, batch):
        return {name: batch[name] for name in ("num", "cat", "target", "id")}


def test_a_method_that_drops_the_weights_is_named():
    task, logits, target = task_and_batch("binary", None)
    batch = {"num": logits, "cat": logits, "target": target, "id": COUNTS, "weight": COUNTS.float()}
    with pytest.raises(ConfigError, match=r"Dropping\.on_batch .* with weight"):
        training_loss(torch.nn.Identity(), task, [Dropping()], batch)
