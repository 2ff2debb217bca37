"""A regression's digits: an offset of the target, however large, changes nothing but itself."""

import numpy as np
import pandas as pd
import pytest
import torch

from lepton import build, compose, load_model
from lepton.config.check import check
from lepton.dataset.clean.target import OWN_TARGET, Target
from lepton.dataset.load.target_digits import target_tensor
from lepton.evaluation.labelled_rows import read_labelled_rows
from lepton.storage.predictions import read_predictions, same_target
from lepton.task import task_for
from lepton.training.loss import training_loss
from tests.tampering import forget_digests

OFFSET = 1_700_000_000  # seconds: a time of today
CSV = (
    "dataset=csv",
    "dataset.target=y",
    "trainer.max_epochs=2",
    "optimizer=sgd",
    "optimizer.lr=0.05",
)


@pytest.fixture
def files(here):
    """The same table twice, of which one's target is a time; numbers as text, digit by digit."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=120).round(4)
    y = (20 * a + rng.normal(size=120)).round(4)
    for name, offset in (("near", 0), ("far", OFFSET)):
        lines = [f"{x:.4f},{offset + value:.4f}" for x, value in zip(a, y, strict=True)]
        (here / f"{name}.csv").write_text("\n".join(["a,y", *lines]) + "\n")
    return here


def table(name):
    return pd.read_csv(f"{name}.csv")


def assert_same_but_for_the_offset(far, near):
    for split in ("val", "test"):
        a, b = read_predictions(far, split), read_predictions(near, split)
        assert torch.equal(a.ids, b.ids)
        assert a.target.dtype == b.target.dtype == a.prediction.dtype == torch.float64
        assert np.array_equal(a.target.numpy(), table("far").y.to_numpy()[a.ids.numpy()])
        assert np.array_equal(b.target.numpy(), table("near").y.to_numpy()[b.ids.numpy()])
        assert (a.prediction - OFFSET).numpy() == pytest.approx(b.prediction.numpy(), abs=2e-4)
        frame = table("far").drop(columns="y").iloc[a.ids.numpy()]
        again = load_model(far).predict_raw(frame)["prediction"]
        assert again.to_numpy() == pytest.approx(a.prediction.numpy(), abs=1e-5, rel=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides",
    [
        ("model=linear",),
        ("model=gradient_boosting", "model.max_iter=10"),
        ("model=linear", "loss=huber", "regularization=ema", "dataset.memory_gb=0"),
        ("model=catboost", "model.iterations=10"),
        ("model=lightgbm", "model.n_estimators=10"),
        ("model=xgboost", "model.n_estimators=10"),
    ],
    ids=["linear", "boosting", "streamed", "catboost", "lightgbm", "xgboost"],
)
def test_a_run_on_a_far_target_is_the_one_on_a_near_one(files, run, overrides):
    far, near = (run(*CSV, *overrides, f"dataset.path={n}.csv") for n in ("far", "near"))
    for split in ("val", "test"):  # a near target is predicted in 32 bits, as ever
        path = forget_digests(near) / "predictions" / f"{split}.parquet"
        frame = pd.read_parquet(path)
        assert frame["prediction"].dtype == "float32"
        frame.astype({"prediction": "float64"}).to_parquet(path)
    assert_same_but_for_the_offset(far, near)


@pytest.mark.slow
def test_an_ensemble_keeps_the_digits_of_its_members_targets(files, run, lepton):
    for study, seeds in (("far", (0, 1)), ("near", (0, 1))):
        for seed in seeds:
            run(*CSV, "model=linear", f"dataset.path={study}.csv", f"seed={seed}", f"study={study}")
        for method in ("mean", "stacking"):
            code, _, errors = lepton("ensemble", f"runs={study}", f"method={method}", "keep=true")
            assert code == 0, errors
    for method in ("mean", "stacking"):
        far, near = (
            next(files.glob(f"runs/{study}*/*ensemble_{method}*")) for study in ("far", "near")
        )
        for split in ("val", "test"):
            a, b = read_predictions(far, split), read_predictions(near, split)
            assert a.target.dtype == a.prediction.dtype == torch.float64
            assert np.array_equal(a.target.numpy(), table("far").y.to_numpy()[a.ids.numpy()])
            gap = (a.prediction - OFFSET).numpy() - b.prediction.double().numpy()
            assert np.abs(gap).max() < 2e-4


@pytest.mark.slow
def test_members_of_before_with_targets_of_32_bits_join_those_of_now(files, run, lepton):
    for seed in (0, 1):
        folder = run(*CSV, "model=linear", "dataset.path=near.csv", f"seed={seed}", "study=mixed")
    for path in forget_digests(folder).glob("predictions/*.parquet"):
        pd.read_parquet(path).astype({"target": "float32"}).to_parquet(path)
    code, _, errors = lepton("ensemble", "runs=mixed", "method=mean", "keep=true")
    assert code == 0, errors
    made = next(files.glob("runs/mixed*/*ensemble*"))
    target = read_predictions(made, "test").target
    assert target.dtype == torch.float64


def test_targets_are_the_same_in_the_shorter_of_two_types():
    target = torch.tensor([0.1, 2.7], dtype=torch.float64)
    assert same_target(target, target.float())
    assert not same_target(target, target.float() + 1)
    assert not same_target(target, target + 1e-12)


def test_a_training_on_a_near_target_computes_with_the_bits_that_it_had(files):
    data = build.data(check(compose(*CSV, "model=linear", "dataset.path=near.csv")))
    (batch,) = [batch for block in data.train_dataloader() for batch in block]
    raw = data.splits["train"]["target"]
    assert raw.dtype == torch.float64
    rows = {int(i): value for i, value in zip(data.splits["train"]["id"], raw, strict=True)}
    expected = torch.stack([rows[int(i)] for i in batch["id"]]).float()
    assert torch.equal(batch["target"], expected)


@pytest.mark.slow
def test_the_rows_of_a_file_are_scored_with_all_their_digits(files, run, lepton):
    folder = run(*CSV, "model=linear", "dataset.path=far.csv")
    spec = load_model(folder).spec
    labelled = read_labelled_rows(files / "far.csv", folder, spec)
    assert np.array_equal(labelled.target.numpy(), table("far").y)
    code, out, errors = lepton("evaluate", str(folder), "far.csv", "resamples=0")
    error = load_model(folder).predict_raw(table("far"))["prediction"] - table("far").y
    assert code == 0, errors
    assert f"{np.sqrt((error**2).mean()):.4f}" in out


@pytest.mark.parametrize(("offset", "dtype"), [(0, torch.float32), (OFFSET, torch.float64)])
def test_a_task_of_ones_own_is_given_the_digits_and_learns_in_the_type_of_its_logits(offset, dtype):
    values = offset + np.random.default_rng(0).normal(size=(40, 2))
    target = Target(OWN_TARGET, (), ("a", "b"), values, np.ones(40, bool), [])
    tensor = target_tensor(target, np.arange(0, 40, 2))
    assert tensor.dtype == dtype
    if offset:
        assert np.array_equal(tensor.numpy(), values[::2])


def test_the_loss_takes_off_the_mean_before_it_goes_to_32_bits(files):
    data = build.data(check(compose(*CSV, "model=linear", "dataset.path=far.csv")))
    task = task_for(data.spec, class_weights=None, monitor=None)
    rows, model = data.splits["train"], torch.nn.Linear(1, 1)
    batch = {"num": rows["num"], "target": rows["target"], "id": rows["id"]}
    loss = training_loss(Reading(model), task, [], batch)
    y = table("far").y.to_numpy()[rows["id"].numpy()]
    expected = model(rows["num"]).double().squeeze(-1).detach().numpy() - (y - y.mean()) / y.std()
    assert float(loss.detach()) == pytest.approx((expected**2).mean(), rel=1e-6)
    assert loss.dtype == torch.float32


class Reading(torch.nn.Module):
    """A linear model of the numbers of a batch."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, batch):
        return self.layer(batch["num"])
