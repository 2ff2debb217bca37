"""The best setting: by validation, and as words that give the same run."""

import shlex

import pytest
import yaml

from lepton.analysis.best_setting import best
from lepton.analysis.study import gather
from lepton.config.check import check
from lepton.config.identity import run_folder
from tests.quick import compose

SHORT = ("dataset=wine", "trainer.max_epochs=2")


@pytest.fixture
def study(run_once):
    for seed in (1, 0):
        for lr in ("1e-4", "1e-2"):
            run_once(*SHORT, "model=mlp_small", f"optimizer.lr={lr}", f"seed={seed}")
    run_once(*SHORT, "model=linear", "regularization=[ema,l1]")
    return gather(["default"])


def test_the_best_has_the_best_mean_validation_score_of_its_seeds(study):
    found = best(study, "score")
    means = study.groupby(["model", "optimizer.lr"])["score"].mean()
    assert found.score == pytest.approx(means.max())
    assert (found.runs, found.looked_at) == (2, 5)
    assert found.run.startswith("wine-mlp_small-s0-")


def test_the_command_can_be_pasted_and_is_the_same_run(study):
    found = best(study, "score")
    lepton, train, *words = shlex.split(found.command)
    assert (lepton, train) == ("lepton", "train")
    assert run_folder(check(compose(*words))) == found.folder


def test_the_yaml_is_the_runs_config_without_what_is_no_setting(study):
    found = best(study, "score")
    config = yaml.safe_load(found.yaml)
    assert config["optimizer"]["lr"] == 0.01
    assert not {"choices", "overrides"} & set(config)


def test_smaller_is_better_where_it_is(study):
    found = best(study, "val/log_loss")
    assert found.score == study.groupby(["model", "optimizer.lr"])["val/log_loss"].mean().min()
