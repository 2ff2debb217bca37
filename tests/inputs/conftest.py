"""A project of a user's own, whose kind of inputs lepton does not know: series of numbers."""

import json
import os
from pathlib import Path

import pytest

from lepton import allow, train
from lepton.config.compose import compose
from tests.inputs.made_series import write_series, write_visits

FOLDER = Path(__file__).parent / "series_kind"
FAST = ("trainer=cpu", "trainer.progress=false", "batch_size=16", "optimizer.lr=0.03")
SERIES = ("dataset=series_folder", "dataset.path=waves", "model=series_net", *FAST)
VISITS = ("dataset=visits", "dataset.path=visits.jsonl", *FAST)
EXACT = ("trainer.precision=64-true", "trainer.max_epochs=6")
BRIEF = (EXACT[0], "trainer.max_epochs=3")


@pytest.fixture(autouse=True)
def series_kind(monkeypatch):
    """What --config-dir and --allow do, in a process that finds the module of the folder."""
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setenv("LEPTON_CONFIG_DIR", str(FOLDER / "conf"))
    allow("series")


@pytest.fixture
def data(here):
    """A working directory with a folder of series, and visits."""
    write_series(here / "waves")
    write_visits(here / "visits.jsonl")
    return here


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A working directory whose study `stacked` holds four runs that shared a stack, and `alone`
    the same runs trained one by one."""
    from lepton.cli import main

    folder, before = tmp_path_factory.mktemp("series"), os.getcwd()
    write_series(folder / "waves")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        os.chdir(folder)
        try:
            stacking = ("vectorized", "hydra.launcher.size=4")
            for study, *launcher in (("stacked", *stacking), ("alone", "basic")):
                words = ("-m", *SERIES, *BRIEF, "seed=0,1", "optimizer.lr=0.01,0.03")
                words = (*words, f"study={study}", f"hydra/launcher={launcher[0]}", *launcher[1:])
                words = (*words, "--config-dir", str(FOLDER / "conf"), "--allow", "series")
                patch.setattr("sys.argv", ["lepton", "train", *words])
                assert main() == 0
        finally:
            os.chdir(before)
    return folder


@pytest.fixture
def study(trained, monkeypatch):
    """The working directory of the trained runs."""
    monkeypatch.chdir(trained)
    return trained


def results(folder):
    return {p.parent: json.loads(p.read_text()) for p in sorted(folder.glob("*/result.json"))}


def trained_folder(*overrides):
    result = train(compose(*overrides))
    return Path("runs") / result.config["study"] / result.run
