"""Which runs may share a stack, and the sentence for each that may not."""

import pytest

from lepton.sweep.multirun import plan_runs
from lepton.training.checkpoint import Checkpoints
from lepton.vectorize.grouping import group_jobs

BASE = ("dataset=wine", "model=mlp_small", "trainer.max_epochs=2")


def sizes_and_reasons(*overrides):
    """The sizes of a sweep's groups, and the reasons of the jobs that are in none."""
    groups, unstacked = group_jobs(plan_runs([*BASE, *overrides], sweep=True).jobs)
    return sorted(map(len, groups)), [reason for _, reason in unstacked]


STACKABLE = [
    "seed=1,2,3",
    "optimizer.lr=0.1,0.2,0.3",
    "optimizer.betas=[0.9,0.99],[0.8,0.99],[0.7,0.99]",
    "scheduler=none,cosine,step",
    "model.dropout=0,0.1,0.2",
    "trainer.max_epochs=2,3,4",
    "task.monitor=log_loss,auroc,brier",
    "task.class_weights=balanced,[1,2,3],[3,2,1]",
    "study=a,b,c",
]


@pytest.mark.slow
@pytest.mark.parametrize("override", STACKABLE)
def test_runs_that_differ_in_a_stackable_key_are_a_group(here, override):
    assert sizes_and_reasons(override) == ([3], [])


@pytest.mark.slow
def test_values_of_methods_are_stackable(here):
    overrides = ("regularization=[label_smoothing,l1]", "regularization.l1.rate=0,1")
    assert sizes_and_reasons(*overrides, "regularization.label_smoothing.amount=0,0.1") == ([4], [])


APART = [
    "model.hidden=[4],[5]",
    "batch_size=16,32",
    "dataset.split_seed=0,1",
    "optimizer=adam,adamw",
    "regularization=none,ema",
    "task.class_weights=null,balanced",
    "trainer.precision=32-true,64-true",
    "preprocessing=standard,quantile",
]


@pytest.mark.slow
@pytest.mark.parametrize("override", APART)
def test_runs_that_differ_in_anything_else_are_groups_of_their_own(here, override):
    assert sizes_and_reasons(override, "seed=1,2") == ([2, 2], [])


UNSTACKABLE = {
    "model=gradient_boosting": "model=gradient_boosting fits itself",
    "optimizer=muon": "optimizer=muon has no stacked form",
    "++optimizer.amsgrad=true": "optimizer.amsgrad=true has no stacked form",
    "trainer.max_time='00:00:01:00'": "trainer.max_time is about one run",
    "trainer.overfit_batches=1": "trainer.overfit_batches is about one run",
    "trainer.profiler=simple": "trainer.profiler is about one run",
    "trainer.precision=bf16-mixed": "trainer.precision=bf16-mixed is neither 32 nor 64 bits",
    "trainer=ddp": "several devices already share it",
}


@pytest.mark.slow
@pytest.mark.parametrize("override", UNSTACKABLE)
def test_what_cannot_be_stacked_says_why(here, override):
    base = [w for w in BASE if not override.startswith(w.partition("=")[0] + "=")]
    groups, unstacked = group_jobs(plan_runs([*base, override, "seed=1,2"], sweep=True).jobs)
    assert groups == []
    assert [reason for _, reason in unstacked] == [UNSTACKABLE[override]] * 2


@pytest.mark.parametrize("native", [False, True])
def test_what_precision_auto_is_on_this_machine_says_whether_runs_stack(here, monkeypatch, native):
    monkeypatch.setattr("torch.cuda.is_available", lambda: native)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation: native)
    overrides = [*BASE, "trainer.precision=auto", "seed=1,2"]
    groups, unstacked = group_jobs(plan_runs(overrides, sweep=True).jobs)
    reason = "trainer.precision=bf16-mixed is neither 32 nor 64 bits"
    assert [len(group) for group in groups] == ([] if native else [2])
    assert [why for _, why in unstacked] == ([reason] * 2 if native else [])


def test_a_run_unlike_all_others_says_so(here):
    assert sizes_and_reasons() == ([], ["no other run differs from it in stackable keys alone"])


@pytest.mark.slow
def test_a_run_with_a_checkpoint_goes_on_alone(here):
    jobs = plan_runs([*BASE, "seed=1,2,3"], sweep=True).jobs
    for job, trained in ((jobs[1], "alone"), (jobs[2], "stack")):
        unfinished = job.folder.with_name(job.folder.name + ".part")
        unfinished.mkdir(parents=True)
        Checkpoints.of_run(unfinished, job.config, trained=trained).save({"epoch": 1})
    (group,), unstacked = group_jobs(jobs)
    assert group == [jobs[0], jobs[2]]
    assert unstacked == [(jobs[1], "a checkpoint is there to go on from")]


METHOD = """from lepton.method import Method


class Loud(Method):
    def __init__(self, *, volume: float):
        self.volume = volume

    def before_step(self, model, optimizer):
        pass
"""
YAML = "# Does nothing, before every step.\nloud:\n  _target_: loud.Loud\n  volume: 1.0  # unused\n"


@pytest.mark.slow
def test_a_method_of_the_users_own_with_hooks_around_a_step_stays_alone(here, monkeypatch):
    (here / "loud.py").write_text(METHOD)
    (here / "conf" / "regularization").mkdir(parents=True)
    (here / "conf" / "regularization" / "loud.yaml").write_text(YAML)
    monkeypatch.syspath_prepend(str(here))
    monkeypatch.setenv("LEPTON_ALLOW", "loud")
    assert sizes_and_reasons("regularization=loud", "seed=1,2") == (
        [],
        ["regularization=loud has no stacked form"] * 2,
    )
