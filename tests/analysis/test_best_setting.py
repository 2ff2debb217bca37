"""The best setting: by validation, and as words that give the same run."""

import shlex

import pytest
import yaml

from lepton.analysis.best_setting import best_setting
from lepton.analysis.study import gather_runs
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.identity import run_folder

SHORT = ("dataset=wine", "trainer.max_epochs=2")


@pytest.fixture
def study(run_once):
    for seed in (1, 0):
        for lr in ("1e-4", "1e-2"):
            run_once(*SHORT, "model=mlp_small", f"optimizer.lr={lr}", f"seed={seed}")
    run_once(*SHORT, "model=linear", "regularization=[ema,l1]")
    return gather_runs(["default"])


@pytest.mark.slow
def test_the_best_has_the_best_mean_validation_score_of_its_seeds(study):
    setting = best_setting(study, "score")
    means = study.groupby(["model", "optimizer.lr"])["val/log_loss"].mean()
    assert setting.score == pytest.approx(means.min())
    assert (setting.runs, setting.candidates) == (2, 5)
    assert setting.run.startswith("wine-mlp_small-s0-")


@pytest.mark.slow
def test_the_command_can_be_pasted_and_is_the_same_run(study):
    setting = best_setting(study, "score")
    lepton, train, *overrides = shlex.split(setting.command)
    assert (lepton, train) == ("lepton", "train")
    assert run_folder(check(compose(*overrides))) == setting.folder


@pytest.mark.slow
def test_the_yaml_is_the_runs_config_without_what_is_no_setting(study):
    setting = best_setting(study, "score")
    config = yaml.safe_load(setting.yaml)
    assert config["optimizer"]["lr"] == 0.01
    assert not {"choices", "overrides"} & set(config)


@pytest.mark.slow
def test_smaller_is_better_where_it_is(study):
    setting = best_setting(study, "val/log_loss")
    assert setting.score == study.groupby(["model", "optimizer.lr"])["val/log_loss"].mean().min()
