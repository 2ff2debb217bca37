"""A few tiny runs, trained once a session; each test gets copies that it may spoil."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from lepton.config.command import compose_command
from lepton.config.commands import command_roots
from lepton.derived.classes import build_derivation
from lepton.derived.inputs import find_inputs
from lepton.derived.make import make_or_read, plan_derivation
from lepton.derived.planning import request_of
from tests.tampering import forget_digests

SMALL = ("dataset=synthetic", "dataset.rows=250", "batch_size=16", "trainer.max_epochs=3")
MLP = ("model=mlp_small", "model.hidden=[16]")
RESNET = ("model=resnet", "model.width=16", "model.blocks=1", "trainer.max_epochs=2")
STUDIES = {
    "binary": [
        ("model=linear",),
        (*MLP, "seed=0"),
        (*MLP, "seed=1"),
        ("model=gradient_boosting", "model.max_iter=10"),
    ],
    "multiclass": [("dataset.classes=3", m) for m in ("model=linear", "model=mlp_small")],
    "multilabel": [("dataset.labels=3", m) for m in ("model=linear", "model=mlp_small")],
    "regression": [("dataset.classes=0", m) for m in ("model=linear", "model=mlp_small")],
    "soups": [
        (*RESNET, "optimizer.lr=1e-3"),
        (*RESNET, "optimizer.lr=3e-3"),
        (*RESNET, "optimizer.lr=3e-3", "model.hidden_dropout=0.4"),
    ],
    "folds": [
        (m, "dataset.folds=3", f"dataset.fold={fold}", "trainer.max_epochs=1")
        for m in ("model=linear", "model=mlp_small")
        for fold in range(3)
    ],
    "val_folds": [
        (m, "dataset.val_folds=3", f"dataset.val_fold={fold}", "trainer.max_epochs=1")
        for m in ("model=linear", "model=mlp_small")
        for fold in range(3)
    ],
}


def compose_ensemble(*overrides):
    """The config that `lepton ensemble` composes, checked by its class too."""
    config = compose_command(command_roots()["ensemble"], overrides)
    build_derivation(request_of("ensemble", config, list(overrides)))
    return config


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Trains a study when it is first asked for; gives its folder."""
    from lepton import train
    from lepton.config.compose import compose

    root, folders = tmp_path_factory.mktemp("trained"), {}

    def trained(study):
        if study not in folders:
            for overrides in STUDIES[study]:
                train(compose(*SMALL, *overrides, f"runs={root}", f"study={study}"))
            folders[study] = root / study
        return folders[study]

    return trained


@pytest.fixture
def study(trained, here):
    """Copies a study into runs/ of an empty working directory; gives its run folders by name.

    They are without digests, so that tests may change them.
    """

    def study(name):
        forget_digests(shutil.copytree(trained(name), here / "runs" / name))
        return sorted(Path("runs", name).iterdir())

    return study


@pytest.fixture
def ensemble(here):
    """Makes an ensemble as the command does; gives what came of it."""
    from lepton.ensemble.machinery.summary import read_summary

    def ensemble(*overrides):
        config = compose_ensemble(*overrides)
        derivation = build_derivation(request_of("ensemble", config, list(overrides)))
        search = find_inputs(config["runs"], command="ensemble", fewest=derivation.fewest)
        folder = make_or_read(plan_derivation(derivation, search))
        return derivation.summary if folder is None else read_summary(folder)

    return ensemble


@pytest.fixture
def fake():
    """Copies a run under another name, with other predictions by split."""

    def fake(folder, name, **predictions):
        copy = shutil.copytree(folder, folder.with_name(name))
        result = json.loads((copy / "result.json").read_text())
        (copy / "result.json").write_text(json.dumps(result | {"run": name}))
        for split, values in predictions.items():
            path = copy / "predictions" / f"{split}.parquet"
            frame = pd.read_parquet(path).sort_values("id")
            frame.assign(prediction=values).to_parquet(path)
        return copy

    return fake


@pytest.fixture
def stored():
    """Predictions of a folder's split, by id, as numpy: (prediction, target)."""

    def stored(folder, split):
        frame = pd.read_parquet(folder / "predictions" / f"{split}.parquet").set_index("id")
        frame = frame.sort_index()
        names = [c for c in frame if c == "prediction" or c.startswith("p_")]
        targets = [c for c in frame if c.startswith("target")]
        return frame[names].to_numpy().squeeze(), frame[targets].to_numpy().squeeze()

    return stored
