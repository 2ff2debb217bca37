"""Runs go to a cluster one by one, or as the stacks that they are trained in."""

from pathlib import Path

import pytest

from lepton import load
from lepton.errors import LeptonError, WorkerLost
from lepton.launch.cluster import run_on_cluster
from lepton.launch.cluster_pieces import check_size, cut_into_pieces, train_piece
from lepton.processes.environment import ProcessEnvironment
from lepton.storage.stack_records import StackRecords
from lepton.sweep.multirun import multirun, plan_runs
from lepton.sweep.progress import SweepProgress

SMALL = ("dataset=wine", "model=linear", "trainer.max_epochs=1", "batch_size=64")


class JobHere:
    """A job of a cluster's that this process does; the first ones are lost."""

    def __init__(self, piece, lost):
        self.piece, self.lost = piece, lost

    def has_ended(self):
        return True

    def outcome(self):
        if self.lost:
            raise WorkerLost("the node has lost its power")
        return train_piece(self.piece, ProcessEnvironment.for_other_machines())

    def cancel(self):
        raise AssertionError("no job is to be cancelled")


@pytest.fixture
def cluster(here, monkeypatch):
    """Trains a sweep on a cluster; returns the numbers of runs in the jobs that it was handed."""
    monkeypatch.setenv("SLURM_JOB_NAME", "")

    def cluster(jobs, *, size, losses=0):
        sizes, progress = [], SweepProgress(jobs)

        def submit(pieces):
            taken = []
            for piece in pieces:
                sizes.append(len(piece.jobs))
                taken.append(JobHere(piece, lost=len(sizes) <= losses))
            return taken

        pieces = cut_into_pieces(jobs, size=size, threads=1, fail_fast=False)
        run_on_cluster(pieces, progress, submit, at_once=99)
        assert (progress.done, progress.failed, progress.running) == (len(jobs), 0, {})
        return sizes

    return cluster


def jobs_of(*words):
    return plan_runs([*SMALL, *words], sweep=True).jobs


def how_trained(study):
    return load(study).sort_values("seed")["trained"].tolist()


@pytest.mark.slow
def test_a_stack_is_a_job_and_ends_with_the_bits_of_one_on_this_machine(cluster, fingerprint):
    words = ["seed=range(5)", "hydra.launcher.size=3", "hydra.launcher.threads=1"]
    multirun([*SMALL, *words, "study=here", "hydra/launcher=vectorized"])
    assert cluster(jobs_of("seed=range(5)", "study=there"), size=3) == [3, 2]
    assert how_trained("there") == how_trained("here")
    for folder in Path("runs/here").glob("*/result.json"):
        there = Path("runs/there", folder.parent.name)
        assert fingerprint(there) == fingerprint(folder.parent)
    assert not list(Path("runs/there/.stacks").glob("*/stack.json"))


@pytest.mark.slow
def test_a_stack_that_has_begun_elsewhere_is_one_job_and_other_runs_are_alone(cluster):
    jobs = jobs_of("seed=range(4)")
    record = StackRecords(jobs[0].folder.parent)
    record.add([[jobs[2].folder.name, jobs[0].folder.name]], threads=1)
    assert cluster(jobs, size=1) == [2, 1, 1]
    alone, stacked = "alone", how_trained("default")[0]
    assert "stack" in stacked
    assert how_trained("default") == [stacked, alone, stacked, alone]


@pytest.mark.slow
def test_all_that_can_share_stacks_is_a_job_where_no_size_is_given(cluster):
    jobs = jobs_of("seed=range(3)", "batch_size=32,64")
    assert cluster(jobs, size=None) == [3, 3]


@pytest.mark.slow
@pytest.mark.parametrize(("losses", "sizes"), [(1, [2, 2]), (2, [2, 2, 1, 1])])
def test_a_lost_stack_is_tried_once_more_and_then_its_runs_alone(cluster, losses, sizes, caplog):
    assert cluster(jobs_of("seed=0,1"), size=2, losses=losses) == sizes
    assert "the node has lost its power; once more" in caplog.text
    assert len(set(how_trained("default"))) == 1
    assert ("alone" in how_trained("default")) == (losses == 2)


def test_what_cannot_be_stacked_is_a_job_of_its_own(cluster):
    jobs = plan_runs([*SMALL[1:2], "dataset=wine", "trainer.max_epochs=1,2"], sweep=True).jobs
    pieces = cut_into_pieces(jobs[:1], size=9, threads=1, fail_fast=False)
    assert [piece.stacking for piece in pieces] == [None]


@pytest.mark.parametrize("size", [0, -1, 1.5, True])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(LeptonError, match=r"hydra\.launcher\.size: .* whole number above 0"):
        check_size(size)
