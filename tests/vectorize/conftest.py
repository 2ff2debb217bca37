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


def _smooth(metric):
    """Whether it moves little where predictions do; ranks and thresholds turn a tie into a jump."""
    return metric.partition("/")[2] in ("log_loss", "brier", "rmse", "mae", "r2")


def differences(alone, stacked, *, same_run=True):
    """The largest differences of two runs in history, predictions and metrics; facts must agree."""
    one, two = (json.loads((f / "result.json").read_text()) for f in (alone, stacked))
    facts = ("epochs", "best_epoch", "parameters", "trainable", "rows", "run", "cleaning")
    for fact in facts if same_run else ():
        assert one[fact] == two[fact], fact
    assert one["metrics"].keys() == two["metrics"].keys()
    assert one["constant"] == two["constant"]
    gaps = [abs(value - two["metrics"][n]) for n, value in one["metrics"].items() if _smooth(n)]
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


def by_itself(job):
    """The same run in another study; to compose it again would take as long as to train it."""

    def renamed(words):
        return [word.replace("study=stacked", "study=alone") for word in words]

    own = {"study": "alone", "overrides": renamed(job.config["overrides"])}
    config = {**job.config, **own}
    return Job(tuple(renamed(job.overrides)), config, run_folder(config))


@pytest.fixture
def both(here):
    """Trains every combination alone and as one stack; gives the folders of each, in order."""

    def both(*words, size=None):
        stacked = plan_runs([*words, "study=stacked"], sweep=True).jobs
        alone = [by_itself(job) for job in stacked]
        for job in alone:
            attempt_job(job)
        (members,), rest = group_jobs(stacked)
        assert rest == []
        options = StackingOptions(threads=1, alone=1, size=size or len(members))
        assert JobGroup(members, options, SweepProgress(members)).train() == []
        return [(Path(a.folder), Path(b.folder)) for a, b in zip(alone, stacked, strict=True)]

    return both


@pytest.fixture
def gap(both):
    """The largest difference between members of a stack and the same runs alone."""

    def gap(*words, size=None):
        pairs = both(*words, size=size)
        histories = [(b / "history.parquet").read_bytes() for _, b in pairs]
        assert len(set(histories)) == len(pairs)  # what is swept makes a difference
        return max(differences(a, b) for a, b in pairs)

    return gap
