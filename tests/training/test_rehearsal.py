"""What the end of a run needs is tried before its first epoch, and by that nothing is changed."""

import sys

import numpy as np
import pandas as pd
import pytest
import torch

from lepton import load_model
from lepton.dataset.inputs.table import TableInputs
from lepton.errors import LeptonError
from lepton.training import rehearsal
from lepton.training.estimator import Estimator
from lepton.training.network import Network

MODELS = '''"""Networks of a user's."""

from itertools import count

import torch
from torch import nn

DRAWS = count(1)


class Tied(nn.Module):
    def __init__(self, *, spec, width: int):
        super().__init__()
        n = len(spec.num_features)
        self.one, self.two, self.head = nn.Linear(n, n), nn.Linear(n, n), nn.Linear(n, spec.outputs)
        self.two.weight = self.one.weight

    def forward(self, batch):
        return self.head(self.two(self.one(batch["num"]).relu()))


class Sparse(Tied):
    def __init__(self, *, spec, width: int):
        super().__init__(spec=spec, width=width)
        self.register_buffer("mask", torch.eye(width).to_sparse())


class Expanded(Tied):
    """Is saved, and cannot be loaded."""

    def __init__(self, *, spec, width: int):
        super().__init__(spec=spec, width=width)
        self.register_buffer("mask", torch.zeros(1).expand(width))


class Drawn(Tied):
    def __init__(self, *, spec, width: int):
        super().__init__(spec=spec, width=width)
        self.scale = next(DRAWS)  # another one of every network that is built

    def forward(self, batch):
        return super().forward(batch) * self.scale


class Fitted:
    """Fits itself, and forgets what it learned when it is saved."""

    def __init__(self, *, spec, seed, width: int):
        self.mean = None

    def fit(self, train, val, weights):
        self.mean = train["num"].mean(0)

    def predict(self, inputs):
        return (inputs["num"] @ self.mean).sigmoid()

    def save(self, folder):
        (folder / "model.json").write_text("{}")

    def load(self, folder):
        self.mean = torch.zeros(WIDTH)
'''
SMALL = ("dataset=breast_cancer", "trainer.max_epochs=2")


@pytest.fixture
def models(here, monkeypatch):
    """The user's networks, each under its name in small letters."""
    (here / "user_models.py").write_text(f"{MODELS}\n\nWIDTH = 30\n")
    (here / "conf" / "model").mkdir(parents=True)
    for name in ("Tied", "Sparse", "Expanded", "Drawn", "Fitted"):
        yaml = f"# A user's.\n_target_: user_models.{name}\nwidth: 3  # of the mask\n"
        (here / "conf" / "model" / f"{name.lower()}.yaml").write_text(yaml)
    monkeypatch.syspath_prepend(str(here))
    monkeypatch.delitem(sys.modules, "user_models", raising=False)
    monkeypatch.setenv("LEPTON_ALLOW", "user_models")
    monkeypatch.setattr(rehearsal, "REHEARSED", set())
    return here


@pytest.fixture
def never_trained(monkeypatch):
    """Fails where a training begins."""

    def fit(*_, **__):
        raise AssertionError("training began")

    monkeypatch.setattr(Network, "fit", fit)
    monkeypatch.setattr(Estimator, "fit", fit)


@pytest.mark.slow
def test_a_run_with_tied_weights_is_kept_and_predicts_as_it_did(run, models):
    folder = run(*SMALL, "model=tied")
    model = load_model(folder)
    assert model.learner.model.two.weight is model.learner.model.one.weight
    rows = torch.randn(5, 30)
    frame = pd.DataFrame(rows.numpy(), columns=model.spec.num_features)
    assert model.predict_raw(frame).notna().all(axis=None)
    stored = pd.read_parquet(folder / "predictions" / "test.parquet")
    assert len(stored) == 114


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("sparse", "RuntimeError"),
        ("expanded", "cannot be read .*single memory location"),
        ("drawn", "predicts something else"),
        ("fitted", "predicts something else"),
    ],
)
def test_a_model_that_could_not_be_kept_is_refused_before_it_is_trained(
    run, models, never_trained, model, reason
):
    message = f"^model={model}: what it learns could not be saved and loaded again: .*{reason}"
    with pytest.raises(LeptonError, match=message) as refusal:
        run(*SMALL, f"model={model}")
    assert "\n" not in str(refusal.value)
    assert not (models / "runs" / "default").exists()


@pytest.mark.slow
def test_the_rehearsal_leaves_random_numbers_and_no_file(run, models, monkeypatch):
    states = []

    def noted(rehearse):
        def noted_rehearsal(*arguments):
            before = torch.random.get_rng_state(), np.random.get_state()[1].copy()
            rehearse(*arguments)
            after = torch.random.get_rng_state(), np.random.get_state()[1]
            states.append(before[0].equal(after[0]) and (before[1] == after[1]).all())

        return noted_rehearsal

    monkeypatch.setattr("lepton.run.rehearse_end", noted(rehearsal.rehearse_end))
    folder = run(*SMALL, "model=tied")
    assert states == [True]
    assert [path.name for path in folder.rglob("*rehearsal*")] == []


@pytest.mark.slow
def test_runs_of_one_structure_are_tried_once(run, models, monkeypatch):
    tried = []
    rehearse = rehearsal._rehearse
    monkeypatch.setattr(
        rehearsal, "_rehearse", lambda *arguments: tried.append(1) or rehearse(*arguments)
    )
    for seed in (1, 2):
        run(*SMALL, "model=linear", f"seed={seed}")
    assert len(tried) == 1
    run(*SMALL, "model=mlp_small", "model.hidden=[4]")
    assert len(tried) == 2


@pytest.mark.slow
def test_inputs_may_be_described_in_a_folder_of_their_own(run, models, monkeypatch):
    save, load = TableInputs.save, TableInputs.load.__func__

    def saved(inputs, folder):
        (folder / "deep").mkdir()
        (folder / "deep" / "table.txt").write_text("of the table")
        save(inputs, folder)

    def loaded(cls, folder, spec):
        assert (folder / "deep" / "table.txt").read_text() == "of the table"
        return load(cls, folder, spec)

    monkeypatch.setattr(TableInputs, "save", saved)
    monkeypatch.setattr(TableInputs, "load", classmethod(loaded))
    folder = run(*SMALL, "model=linear")
    assert (folder / "deep" / "table.txt").is_file()


@pytest.mark.slow
def test_a_stack_refuses_a_model_that_could_not_be_kept(lepton, models):
    command = ("train", "-m", *SMALL, "model=drawn", "seed=1,2", "hydra/launcher=vectorized")
    code, _, errors = lepton(*command, "study=s")
    assert code == 2
    assert errors.count("neither a parameter nor a buffer") >= 2
    assert not list((models / "runs").glob("s/*/result.json"))
