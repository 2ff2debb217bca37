"""Evaluations of a sweep's runs, whichever way these were trained, and of runs that were there."""

import pytest

from lepton import load
from tests.evaluation.conftest import mine  # noqa: F401

SWEEP = ("dataset=wine", "model=mlp_small", "trainer.max_epochs=2", "seed=0,1")


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["basic", "vectorized"])
def test_runs_of_a_sweep_are_evaluated_also_those_of_a_stack(launcher, mine, lepton):  # noqa: F811
    stack = ["hydra.launcher.size=2"] if launcher == "vectorized" else []
    overrides = ["-m", *SWEEP, f"hydra/launcher={launcher}", *stack]
    code, _, error = lepton("train", *overrides, "evaluation=noise")
    assert code == 0, error
    assert load("default")["test@noise/accuracy"].notna().all()
    assert "test@noise/accuracy" in (mine / "runs/default/results.csv").read_text()


@pytest.mark.slow
def test_finished_runs_of_a_sweep_get_what_they_lack(mine, lepton):  # noqa: F811
    lepton("train", "-m", *SWEEP)
    runs = load("default")["run"].tolist()
    overrides = ("-m", *SWEEP, "evaluation=certainty")
    code, plan, _ = lepton("check", *overrides)
    assert (code, plan.count("to evaluate")) == (0, 2)
    code, _, error = lepton("train", *overrides)
    frame = load("default")
    assert (code, frame["run"].tolist()) == (0, runs), error
    assert frame["test@certainty/mean"].notna().all()
    assert "to evaluate" not in lepton("check", *overrides)[1]
    seconds = frame["seconds"].tolist()
    code, _, error = lepton("train", *overrides, "evaluation.certainty.fails=true")
    assert code == 1
    assert "2 runs are finished and could not be evaluated" in error
    assert "evaluation=certainty failed: ZeroDivisionError: on request" in error
    assert load("default")["seconds"].tolist() == seconds
    assert set(load("default")["status"]) == {"finished"}


@pytest.mark.slow
def test_several_evaluations_of_one_run_are_a_list_and_no_sweep(mine, lepton):  # noqa: F811
    code, _, error = lepton("train", "-m", *SWEEP, "evaluation=noise,certainty")
    assert code == 2
    assert error.startswith("lepton: evaluation: the same run with several evaluations")
