"""`from lepton import ...`: what a notebook uses, and the command's own run folders."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

import lepton
from lepton import allow, compose, errors, load, load_model, train
from lepton.config.trust import is_allowed
from lepton.errors import LeptonError

WINE = ("dataset=wine", "model=mlp_small", "trainer.max_epochs=2", "seed=3")


@pytest.mark.slow
def test_train_load_and_load_model_speak_of_the_same_run(here):
    result = train(compose(*WINE))
    (row,) = load("default").to_dict("records")
    assert row["run"] == result.run
    assert row["test/accuracy"] == result.metrics["test/accuracy"]
    assert row["seed"] == 3
    assert list(load_model(row["folder"]).spec.classes) == ["class_0", "class_1", "class_2"]
    assert result.run in str(result)


@pytest.mark.slow
def test_the_command_reads_the_run_that_python_trained(here, command, fingerprint):
    result = train(compose(*WINE))
    folder = Path("runs/default") / result.run
    before = (folder / "result.json").stat().st_mtime_ns
    code, output = command("train", *WINE)
    assert code == 0
    assert "is finished" in output
    assert (folder / "result.json").stat().st_mtime_ns == before
    assert command("train", *WINE, "study=command")[0] == 0
    assert fingerprint(Path("runs/command") / result.run) == fingerprint(folder)


@pytest.mark.slow
def test_a_config_changed_by_hand_is_another_run(here):
    cfg = compose(*WINE)
    first = train(cfg)
    cfg.optimizer.lr = 0.05
    second = train(cfg)
    assert first.run != second.run
    assert second.config["optimizer"]["lr"] == 0.05


def test_a_package_of_the_users_is_trusted_once_allowed(monkeypatch):
    monkeypatch.setenv("LEPTON_ALLOW", "")
    assert not is_allowed("mine.Model")
    allow("mine", "also.mine")
    assert is_allowed("mine.Model")
    assert is_allowed("also.mine.Model")
    assert not is_allowed("also.yours.Model")
    assert not is_allowed("minefield.Model")


def test_the_error_of_a_locked_run_has_its_earlier_name_too():
    assert errors.Claimed is errors.Locked


def test_an_unknown_name_is_an_attribute_error_and_dir_of_all_works():
    names = ["LeptonClassifier", "LeptonRegressor", "Study", "allow", "compose", "fit"]
    assert lepton.__all__ == [*names, "load", "load_model", "multirun", "train"]
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = lepton.nonsense
    with pytest.raises(ImportError):
        from lepton import nonsense  # noqa: F401


def test_dir_lists_the_public_names():
    assert {*lepton.__all__, "__version__"} <= set(dir(lepton))
    assert [name for name in dir(lepton) if not hasattr(lepton, name)] == []


def test_the_version_is_that_of_the_installed_distribution(monkeypatch):
    versions = {"lepton-experiments": "7"}
    monkeypatch.setattr(importlib.metadata, "version", versions.__getitem__)
    assert lepton.__version__ == "7"


def test_sources_that_are_not_installed_have_no_version(monkeypatch):
    def not_installed(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", not_installed)
    with pytest.raises(LeptonError, match=r"^lepton runs from its sources .*; pip install \.$"):
        _ = lepton.__version__


def test_importing_lepton_imports_nothing_heavy():
    heavy = "{'torch', 'pandas', 'hydra', 'numpy'}"
    code = f"import lepton, sys; print(sorted({heavy} & set(sys.modules)))"
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[1], capture_output=True, text=True
    )
    assert process.stdout.strip() == "[]", process.stderr
