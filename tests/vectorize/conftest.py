"""Runs trained as one stack beside the same runs trained alone."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lepton.config.identity import run_folder
from lepton.sweep.attempt import attempt_job
from lepton.sweep.job import Job
from lepton.sweep.multirun import plan_runs
from lepton.sweep.progress import SweepProgress
from lepton.vectorize.grouping import group_jobs
from lepton.vectorize.job_group import JobGroup, StackingOptions

DATA = ("dataset=synthetic", "dataset.rows=300", "dataset.missing=0.05", "batch_size=32")
SMALL = (*DATA, "model=mlp_small", "model.hidden=[8,6]", "model.dropout=0", "trainer.max_epochs=4")
EXACT = "trainer.precision=64-true"


def _is_smooth(metric):
    """True where it moves little if predictions do; ranks and thresholds turn ties into jumps."""
    return metric.partition("/")[2] in ("log_loss", "brier", "rmse", "mae", "r2")


def largest_difference(alone, stacked, *, same_run=True):
    """The largest difference of two runs in history, predictions and metrics; facts must agree."""
    first, second = (json.loads((f / "result.json").read_text()) for f in (alone, stacked))
    facts = ("epochs", "best_epoch", "parameters", "trainable", "rows", "run", "cleaning")
    for fact in facts if same_run else ():
        assert first[fact] == second[fact], fact
    assert first["metrics"].keys() == second["metrics"].keys()
    assert first["constant"] == second["constant"]
    metrics = first["metrics"].items()
    gaps = [abs(value - second["metrics"][n]) for n, value in metrics if _is_smooth(n)]
    for file in ("history.parquet", "predictions/val.parquet", "predictions/test.parquet"):
        a, b = (
            pd.read_parquet(f / file).drop(columns="seconds", errors="ignore")
            for f in (alone, stacked)
        )
        assert list(a) == list(b)
        assert a.dtypes.equals(b.dtypes)
        assert len(a) == len(b)
        gaps.append(np.abs(a.to_numpy(float) - b.to_numpy(float)).max())
    names = [{p.relative_to(f).as_posix() for p in f.rglob("*")} for f in (alone, stacked)]
    assert names[0] == names[1]
    return max(gaps)


def job_alone(job):
    """The same job in another study; to compose it again would take as long as to train it."""

    def in_other_study(overrides):
        return [override.replace("study=stacked", "study=alone") for override in overrides]

    overrides = in_other_study(job.config["overrides"])
    config = {**job.config, "study": "alone", "overrides": overrides}
    return Job(tuple(in_other_study(job.overrides)), config, run_folder(config))


@pytest.fixture
def train_both(here):
    """Trains every combination alone and as one stack; returns pairs of folders, in order."""

    def train_both(*overrides, size=None):
        stacked = plan_runs([*overrides, "study=stacked"], sweep=True).jobs
        alone = [job_alone(job) for job in stacked]
        for job in alone:
            attempt_job(job)
        (members,), unstacked = group_jobs(stacked)
        assert unstacked == []
        options = StackingOptions(threads=1, size=size or len(members))
        assert JobGroup(members, options, SweepProgress(members)).train() == []
        return [(Path(a.folder), Path(b.folder)) for a, b in zip(alone, stacked, strict=True)]

    return train_both


@pytest.fixture
def gap(train_both):
    """The largest difference between members of a stack and the same runs alone."""

    def gap(*overrides, size=None):
        pairs = train_both(*overrides, size=size)
        histories = [(b / "history.parquet").read_bytes() for _, b in pairs]
        assert len(set(histories)) == len(pairs)  # what is swept makes a difference
        return max(largest_difference(a, b) for a, b in pairs)

    return gap
