"""Stacks that cannot be, or lose members: each run is recorded, or named with a reason."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from lepton import load
from lepton.dataset.tabular import TabularData
from lepton.storage.results import read_result, save_result
from lepton.storage.run_folder import read_pruned_run, run_status
from lepton.storage.stack_records import StackRecords
from lepton.sweep.attempt import attempt_job
from lepton.sweep.multirun import plan_runs
from lepton.sweep.progress import SweepProgress
from lepton.vectorize.grouping import group_jobs
from lepton.vectorize.job_group import JobGroup, StackingOptions
from lepton.vectorize.module import StackedTrainingModule
from lepton.vectorize.stack import Stack
from tests.vectorize.conftest import EXACT, SMALL, largest_difference


def train_stacked(*overrides, size=99):
    """Trains a sweep in stacks; returns its jobs, and the reasons of those not stacked."""
    jobs = plan_runs(overrides, sweep=True).jobs
    (members,), unstacked = group_jobs(jobs)
    assert not unstacked
    progress = SweepProgress(members)
    options = StackingOptions(threads=1, size=size)
    unstacked = JobGroup(members, options, progress).train()
    ended = progress.done + progress.failed + len(progress.locked_jobs)
    assert ended + len(unstacked) == len(jobs)
    assert not progress.running or unstacked
    return jobs, [reason for _, reason in unstacked]


MODELS = '''"""Models that a stack cannot or must not compute."""

import torch
from torch import nn


class Base(nn.Module):
    def __init__(self, *, spec, scale: float):
        super().__init__()
        self.layer = nn.Linear(len(spec.num_features), spec.outputs)
        self.prepare(scale)

    def prepare(self, scale):
        pass

    def forward(self, batch):
        return self.layer(batch["num"])


class Branching(Base):
    def forward(self, batch):
        y = super().forward(batch)
        return y if y.sum() > 0 else 2 * y


class Twice(Base):
    """One dropout layer under two names, used three times."""

    def prepare(self, scale):
        self.hidden = nn.Linear(self.layer.in_features, self.layer.in_features)
        self.first = self.second = nn.Dropout(0.3)

    def forward(self, batch):
        hidden = self.first(self.hidden(self.second(batch["num"])))
        return self.layer(self.first(hidden.relu()))


class Hidden(Base):
    """Scales by what no comparison of layers sees."""

    def prepare(self, scale):
        number = float(scale)
        self.layer.register_forward_hook(lambda layer, inputs, y: y * number)


class Scaled(Base):
    def prepare(self, scale):
        self.scale = scale

    def forward(self, batch):
        return super().forward(batch) * self.scale
'''


@pytest.fixture
def models(here, monkeypatch):
    (here / "odd.py").write_text(MODELS)
    (here / "conf" / "model").mkdir(parents=True)
    for name in ("Branching", "Hidden", "Scaled", "Twice"):
        text = f"# A test's.\n_target_: odd.{name}\nscale: 1.0  # of the logits\n"
        (here / "conf" / "model" / f"{name.lower()}.yaml").write_text(text)
    monkeypatch.syspath_prepend(str(here))
    monkeypatch.setenv("LEPTON_ALLOW", "odd")
    return ("dataset=wine", "trainer.max_epochs=2")


@pytest.mark.slow
def test_a_dropout_layer_that_is_used_again_has_masks_of_its_own_each_time(models):
    overrides = (*models, "model=twice", EXACT, "seed=1,2")
    for job in plan_runs([*overrides, "study=alone"], sweep=True).jobs:
        attempt_job(job)
    jobs, reasons = train_stacked(*overrides, "study=stack")
    assert reasons == []
    for job in jobs:
        assert largest_difference(Path("runs/alone") / job.folder.name, job.folder) < 1e-9


@pytest.mark.slow
def test_a_model_that_branches_on_values_is_left_alone_with_torchs_reason(models):
    jobs, reasons = train_stacked(*models, "model=branching", "seed=1,2")
    assert len(reasons) == 2
    assert reasons[0].startswith("the model cannot be stacked (")
    assert not any(job.folder.exists() for job in jobs)


@pytest.mark.slow
def test_a_model_that_differs_where_no_comparison_sees_is_found_out_by_its_loss(models):
    _, reasons = train_stacked(*models, "model=hidden", "model.scale=1,3")
    assert len(reasons) == 2
    assert reasons[0].startswith("the stack computes another loss than the run alone (in batch 1 ")


@pytest.mark.slow
def test_models_that_differ_in_an_attribute_are_not_stacked(models):
    _, reasons = train_stacked(*models, "model=scaled", "model.scale=1,3")
    assert reasons == ["its model differs in scale of the model"] * 2


def test_validation_batches_that_are_no_slices_of_tensors_leave_the_runs_alone(here, monkeypatch):
    def one_by_one(data, split="test"):
        rows = data.splits[split]
        return [{n: t[i : i + 1] for n, t in rows.items()} for i in range(len(rows["id"]))]

    monkeypatch.setattr(TabularData, "predict_dataloader", one_by_one)
    _, reasons = train_stacked(*SMALL, "seed=1,2")
    assert reasons == ["their data set cuts batches in a way of its own"] * 2


@pytest.mark.slow
def test_a_wrong_value_refuses_its_run_alone_and_leaves_nothing(here, caplog):
    _, reasons = train_stacked(
        *SMALL, "optimizer=sgd", "optimizer.nesterov=true", "optimizer.momentum=0.9,0,0.8"
    )
    assert reasons == []
    assert load("default")["status"].tolist() == ["finished"] * 2
    assert (
        "optimizer.momentum=0: refused: optimizer: optimizer=sgd refuses its values" in caplog.text
    )


def test_a_diverging_member_ends_as_it_would_alone_and_the_others_go_on(here):
    overrides = (*SMALL, "optimizer=sgd", "trainer.max_epochs=5", "dataset.classes=0")
    swept = "optimizer.lr=0.001,1e20,0.002"
    for job in plan_runs([*overrides, swept, "study=alone"], sweep=True).jobs:
        attempt_job(job)
    _, reasons = train_stacked(*overrides, swept, "study=stack")
    assert reasons == []
    alone, stacked = (load(s).sort_values("optimizer.lr") for s in ("alone", "stack"))
    assert alone["status"].tolist() == stacked["status"].tolist()
    assert alone["status"].tolist().count("finished") == 2
    finished = stacked[stacked["status"] == "finished"]
    assert (finished["metrics"] if "metrics" in finished else finished["score"]).notna().all()
    for run in finished["run"]:
        assert largest_difference(Path("runs/alone") / run, Path("runs/stack") / run) < 1e-4


@pytest.mark.slow
def test_a_member_that_stops_early_leaves_the_stack(here, monkeypatch):
    sizes = []
    real = Stack.score_epoch

    def counted(self):
        sizes.append(len(self.weights.values[0]))
        assert len(self.members) == len(self.weights.values[0]) == len(self.mask_stream.seeds)
        real(self)

    monkeypatch.setattr(Stack, "score_epoch", counted)
    train_stacked(*SMALL, "trainer.max_epochs=1,3,4")
    assert sizes == [3, 2, 2, 1]


@pytest.mark.slow
def test_runs_appear_when_they_leave_and_not_at_the_end(here, monkeypatch):
    finished_by_epoch = []
    real = StackedTrainingModule.on_train_epoch_end

    def counted(self):
        real(self)
        finished_by_epoch.append(len(list(Path("runs/default").glob("*/result.json"))))

    monkeypatch.setattr(StackedTrainingModule, "on_train_epoch_end", counted)
    train_stacked(*SMALL, "trainer.max_epochs=1,3")
    assert finished_by_epoch == [1, 1, 2]


@pytest.mark.slow
def test_a_stack_too_large_for_memory_is_halved(here, monkeypatch):
    real, sizes = StackedTrainingModule.setup, []

    def limited(self, stage):
        sizes.append(len(self.members))
        if len(self.members) > 2:
            raise torch.OutOfMemoryError("out of memory")
        real(self, stage)

    monkeypatch.setattr(StackedTrainingModule, "setup", limited)
    jobs, reasons = train_stacked(*SMALL, "seed=range(4)")
    assert reasons == []
    assert sizes == [4, 2, 2]
    assert all((job.folder / "result.json").is_file() for job in jobs)


@pytest.mark.slow
def test_a_stack_that_breaks_leaves_its_runs_to_be_trained_alone(here, monkeypatch):
    def broken(self):
        raise RuntimeError("no luck")

    monkeypatch.setattr(Stack, "score_epoch", broken)
    jobs, reasons = train_stacked(*SMALL, "seed=1,2")
    assert reasons == ["its stack ended: RuntimeError: no luck"] * 2
    study = jobs[0].folder.parent
    assert [path.name for path in study.iterdir()] == [".stacks"]
    assert StackRecords(study).alone() == dict.fromkeys([j.folder.name for j in jobs], reasons[0])
    assert train_stacked(*SMALL, "seed=1,2")[1] == reasons  # whoever goes on does the same


def test_ctrl_c_leaves_nothing_half_written(here, monkeypatch):
    def interrupted(self, epoch):
        raise KeyboardInterrupt

    monkeypatch.setattr(Stack, "start_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_stacked(*SMALL, "seed=1,2")
    assert not list(Path("runs").rglob("result.json"))


@pytest.mark.slow
def test_a_trial_of_more_steps_than_an_epoch_has_is_within_the_schedule(here):
    overrides = (*SMALL, "scheduler=one_cycle", "batch_size=128", "seed=1,2,3")
    jobs, _ = train_stacked(
        *overrides, size=None
    )  # two batches an epoch; a trial takes three at least
    assert sum(read_result(job.folder) is not None for job in jobs) in (0, 3)


def test_with_dropout_a_member_is_the_same_in_any_stack(here):
    overrides = (*SMALL, "model.dropout=0.3", EXACT)
    train_stacked(*overrides, "seed=1,2,3", "study=three")
    train_stacked(*overrides, "seed=3,1", "study=two")
    names = [path.parent.name for path in Path("runs/two").glob("*/result.json")]
    assert len(names) == 2
    for name in names:
        assert largest_difference(Path("runs/three") / name, Path("runs/two") / name) < 1e-9


@pytest.mark.slow
def test_a_failure_while_recording_is_the_runs_own(here, monkeypatch):
    real = save_result

    def broken(result, folder):
        if result.config["seed"] == 1:
            raise RuntimeError("no luck")
        real(result, folder)

    monkeypatch.setattr("lepton.storage.finished_run.save_result", broken)
    jobs, reasons = train_stacked(*SMALL, "seed=1,2")
    assert reasons == []
    frame = load("default").set_index("status")
    assert "no luck" in frame.loc["failed", "error"]
    assert frame.loc["finished", "seed"] == 2
    history = pd.read_parquet(Path(frame.loc["finished", "folder"]) / "history.parquet")
    assert len(history) == json.loads((jobs[1].folder / "result.json").read_text())["epochs"]


@pytest.mark.slow
def test_a_full_disk_stops_the_sweep_and_costs_no_finished_run(here, monkeypatch, lepton):
    real = save_result

    def full(result, folder):
        if result.config["seed"] == 1:
            raise OSError(28, "No space left on device")
        real(result, folder)

    monkeypatch.setattr("lepton.storage.finished_run.save_result", full)
    overrides = ("hydra/launcher=vectorized", "hydra.launcher.size=2", "seed=0,1,2,3")
    code, _, stderr = lepton("train", "-m", *SMALL, *overrides)
    assert code == 1
    assert "no space left on the disk" in stderr
    assert "Traceback" not in stderr
    finished = [path.parent.name for path in Path("runs/default").glob("*/result.json")]
    assert [name.split("-")[2] for name in finished] == ["s0"]


@pytest.mark.slow
def test_a_watched_member_is_pruned_and_the_others_are_not(here):
    jobs = [
        replace(job, watch=Below(1)) for job in plan_runs([*SMALL, "seed=1,2"], sweep=True).jobs
    ]
    jobs[1] = replace(jobs[1], watch=None)
    JobGroup(jobs, StackingOptions(threads=1, size=2), SweepProgress(jobs)).train()
    attempt_job(replace(jobs[0], folder=Path("runs/alone/x")))
    assert [run_status(job.folder) for job in jobs] == ["pruned", "finished"]
    stacked, alone = read_pruned_run(jobs[0].folder), read_pruned_run(Path("runs/alone/x"))
    assert stacked["epoch"] == alone["epoch"] == 1
    assert stacked["scores"] == pytest.approx(alone["scores"], rel=1e-4)
    assert stacked["monitored"] == f"val log_loss {-stacked['scores'][-1]:.4f}"


@dataclass(frozen=True)
class Below:
    """Ends a run at an epoch."""

    last: int

    def __call__(self, epoch, score):
        return epoch >= self.last
