"""The launcher with a pool of workers: the same results, and a death that costs one job."""

import logging
import os
import random
import signal
import time
from dataclasses import replace
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest

from lepton import load
from lepton.compat.multiprocessing import stop_fork_server
from lepton.errors import LeptonError
from lepton.launch.basic import Basic
from lepton.launch.parallel import Parallel
from lepton.launch.worker_pool import WorkerPool
from lepton.launch.worker_process import WorkerProcess, end_workers, start_worker_server
from lepton.processes.environment import ProcessEnvironment
from lepton.storage.run_folder import read_failure, run_status
from lepton.storage.run_log import SHOWN_LINES
from lepton.sweep.multirun import plan_runs
from lepton.sweep.parallelism import threads_of_run
from lepton.sweep.progress import SweepProgress
from lepton.training.signals import Interrupted, interrupted_by_sigterm

WINE = ("dataset=wine", "model=mlp_small,resnet", "trainer.max_epochs=2")
DEADLY = ("dataset=wine", "model=deadly", "trainer.max_epochs=1")


@pytest.fixture
def log_messages(caplog):
    caplog.set_level(logging.INFO, "lepton")
    return lambda: [record.getMessage() for record in caplog.records]


def jobs(*overrides):
    return plan_runs(overrides, sweep=True).jobs


def pool(workers=2, timeout=None):
    return Parallel(workers=workers, per_gpu=1, timeout=timeout)


def statuses(planned):
    return [run_status(job.folder) for job in planned]


def fingerprints(fingerprint, study):
    return {p.parent.name: fingerprint(p.parent) for p in Path("runs", study).glob("*/result.json")}


@pytest.mark.slow
def test_runs_are_those_of_one_process_whatever_the_number_of_workers_and_the_order(
    here, fingerprint
):
    Basic().launch_jobs(jobs(*WINE, "seed=1,2", "study=alone"))
    expected = fingerprints(fingerprint, "alone")
    for workers in (1, 2, 3):
        planned = jobs(*WINE, "seed=1,2", f"study=by{workers}")
        random.Random(workers).shuffle(planned)
        pool(workers).launch_jobs(planned)
        assert fingerprints(fingerprint, f"by{workers}") == expected


@pytest.mark.slow
def test_a_pool_goes_on_counting_and_does_not_say_again_what_was_said(here, log_messages):
    said = "rows: 113 train, 29 val, 36 test"
    planned = jobs("dataset=wine", "model=gradient_boosting", "seed=0,1", "model.max_iter=2")
    progress = SweepProgress(planned)
    Basic().launch_jobs(planned[:1], progress)
    SHOWN_LINES.add(said)
    Parallel(workers=1, per_gpu=1, timeout=None).launch_jobs(planned[1:], progress)
    numbers = [text.split()[0] for text in log_messages() if text.startswith("[")]
    assert numbers == ["[1/2]", "[2/2]"]
    assert log_messages().count(said) <= 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("death", "reason"),
    [
        ("kill", "killed by SIGKILL"),
        ("segfault", "killed by SIGSEGV"),
        ("exit", "exited with code 3"),
        ("quiet", "exited with code 0"),
        ("memory", "MemoryError: no room"),
    ],
)
def test_a_death_costs_only_its_own_job_which_is_tried_once_more(trap, death, reason):
    trap(2, death)
    planned = jobs(*DEADLY, "seed=1,2,3")
    progress = SweepProgress(planned)
    pool().launch_jobs(planned, progress)
    assert statuses(planned) == ["finished", "failed", "finished"]
    assert reason in read_failure(planned[1].folder)["error"]
    assert Path("tries").read_text().split() == ["2", "2"]
    assert (progress.done, progress.failed) == (2, 1)


@pytest.mark.slow
def test_a_death_that_does_not_come_again_costs_nothing(trap, fingerprint):
    planned = jobs(*DEADLY, "seed=1,2")
    Basic().launch_jobs(planned)
    expected = [fingerprint(job.folder) for job in planned]
    trap(2, "kill once")
    again = jobs(*DEADLY, "seed=1,2", "study=again")
    pool().launch_jobs(again)
    assert [fingerprint(job.folder) for job in again] == expected
    assert Path("tries").read_text().split() == ["2"]


@pytest.mark.slow
def test_a_job_that_takes_too_long_is_ended_with_what_it_started(trap, has_ended):
    trap(1, "hang")
    planned = jobs(*DEADLY, "seed=1,2,3")
    started = time.monotonic()
    pool(timeout=3).launch_jobs(planned)
    assert time.monotonic() - started < 13 + 10  # and the start of the workers
    assert statuses(planned) == ["failed", "finished", "finished"]
    assert "timed out after 3 s" in read_failure(planned[0].folder)["error"]
    assert Path("tries").read_text().split() == ["1"]
    assert all(has_ended(pid) for pid in Path("pids").read_text().split())


@pytest.mark.slow
def test_workers_have_the_environment_of_their_parent(trap, here, monkeypatch):
    monkeypatch.setenv("TOLD", "so")
    trap(1, "where")
    pool().launch_jobs(jobs(*DEADLY, "seed=1"))
    assert Path("where").read_text() == f"{here} so"


@pytest.mark.slow
def test_what_a_run_prints_comes_in_whole_lines_with_its_job(trap, log_messages, capfd):
    SHOWN_LINES.clear()  # of other tests
    trap(1, "speak")
    trap(2, "speak")
    pool().launch_jobs(jobs(*DEADLY, "seed=1,2"))
    lines = log_messages()
    for seed in (1, 2):
        prefix = f"dataset=wine model=deadly trainer.max_epochs=1 seed={seed}: "
        assert {f"{prefix}half a line", f"{prefix}from below"} <= set(lines)
    assert sum(line.startswith("rows: ") for line in lines) == 1
    assert "half a line" not in "".join(capfd.readouterr())


def test_the_imports_are_paid_before_the_first_job(here):
    start_worker_server()
    worker = make_worker()
    try:
        worker.open()
        assert worker.call(_loaded)
    finally:
        worker.close()


@pytest.mark.slow
def test_a_signal_while_the_server_starts_is_heard_when_it_can_be_ended(has_ended, monkeypatch):
    ensure_running = forkserver.ensure_running

    def signalled():
        os.kill(os.getpid(), signal.SIGTERM)
        ensure_running()

    stop_fork_server()
    monkeypatch.setattr(forkserver, "ensure_running", signalled)
    with pytest.raises(Interrupted), interrupted_by_sigterm():
        start_worker_server()
    server: Any = forkserver._forkserver
    pid = server._forkserver_pid
    os.kill(pid, 0)  # which is there
    end_workers([])  # which were not made yet
    assert has_ended(pid)


def make_worker():
    """A worker in this process's environment, whose output nobody reads."""
    return WorkerProcess(ProcessEnvironment.of_this_process(), lambda *line: None)


def _loaded():
    import sys

    return {"torch", "pytorch_lightning", "lepton.run"} <= set(sys.modules)


@pytest.mark.slow
def test_a_worker_is_not_the_main_module_again(here):
    worker = make_worker()
    try:
        assert not worker.call(_main_file)
    finally:
        worker.close()


@pytest.mark.slow
def test_a_worker_killed_while_it_waits_is_replaced(here):
    worker = make_worker()
    try:
        for pause in (0, 0.5):  # before and after the pool has noticed
            worker.open()
            first = worker.pid
            os.kill(first, signal.SIGKILL)
            time.sleep(pause)
            assert worker.call(os.getpid) not in (first, os.getpid())
    finally:
        worker.close()


def test_a_worker_that_cannot_start_is_one_line(here, monkeypatch):
    worker = make_worker()
    worker.environment = replace(worker.environment, folder="/nowhere")
    try:
        with pytest.raises(LeptonError, match="a worker process could not start: "):
            worker.call(os.getpid)
    finally:
        worker.close()


def _main_file():
    import __main__

    return getattr(__main__, "__file__", None)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("threads", "model", "expected"),
    [
        ("1", "mlp", 1),
        ("3", "mlp", 3),
        ("null", "mlp", 8),
        ("null", "gradient_boosting", 1),
        ("3", "xgboost", 3),
    ],
)
def test_the_threads_of_a_job_are_those_it_is_given(here, threads, model, expected):
    (job,) = jobs("dataset=wine", f"model={model}", f"trainer.threads={threads}")
    assert threads_of_run(job.config, 8) == expected


@pytest.mark.slow
def test_the_gpus_are_leased_one_to_a_worker_or_shared(here, monkeypatch):
    def leases(per_gpu, workers, *overrides):
        planned = jobs("dataset=wine", "seed=range(9)", *overrides)
        pool = WorkerPool(planned, SweepProgress(planned), workers=workers, per_gpu=per_gpu)
        variables_by_worker = pool._gpu_leases(2, fitting=16)
        return [variables.get("CUDA_VISIBLE_DEVICES") for variables in variables_by_worker]

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert leases(1, None) == ["0", "1"]
    assert leases(2, None) == ["0", "1", "0", "1"]
    assert leases(2, 3) == ["0", "1", "0"]
    assert leases(1, None, "trainer=ddp") == [None]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    assert leases(1, None) == ["3", "5"]


@pytest.mark.parametrize("key", ["workers", "per_gpu", "timeout"])
def test_a_number_that_makes_no_pool_is_refused(key):
    options = {"workers": None, "per_gpu": 1, "timeout": None, key: 0}
    with pytest.raises(LeptonError, match=f"hydra.launcher.{key}: 0 is not"):
        Parallel(**options)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_end_of_the_parent_is_that_of_its_workers(trap, has_ended, start, number):
    trap(1, "hang")
    process = start("train", "-m", *DEADLY, "seed=1,2,3", "hydra/launcher=parallel")
    while process.is_alive() and not (Path("pids").exists() and len(load_or_none()) == 2):
        time.sleep(0.05)
    begun = time.monotonic()
    os.kill(process.pid, number)
    process.join(60)
    assert time.monotonic() - begun < 30
    expected = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}
    assert process.exitcode == expected[number], Path("output.txt").read_text()
    assert all(has_ended(pid) for pid in Path("pids").read_text().split())
    assert "Traceback" not in Path("output.txt").read_text()
    assert load("default")["status"].tolist() == ["finished", "finished"]


def load_or_none():
    return load("default") if list(Path("runs").glob("default/*/result.json")) else []


@pytest.mark.slow
def test_ctrl_c_lets_the_workers_save_where_they_were(here, start, command, fingerprint):
    arguments = ["train", "-m", "dataset=synthetic", "dataset.rows=1500", "trainer.max_epochs=120"]
    arguments += ["model=mlp_small", "seed=1,2", "hydra/launcher=parallel", "logger=csv"]
    process = start(*arguments, "study=cut", "trainer.checkpoint_every=null")  # at a signal alone
    while process.is_alive() and len(list(Path("runs").glob("cut/*.part/csv/metrics.csv"))) < 2:
        time.sleep(0.05)  # until both have trained an epoch
    begun = time.monotonic()
    os.kill(process.pid, signal.SIGINT)
    process.join(60)
    assert process.exitcode == 130
    assert time.monotonic() - begun < 15
    assert len(list(Path("runs").glob("cut/*.part/checkpoint/last.ckpt"))) == 2
    assert command(*arguments, "study=cut")[0] == 0
    assert command(*arguments, "study=whole")[0] == 0
    assert fingerprints(fingerprint, "cut") == fingerprints(fingerprint, "whole")


@pytest.mark.slow
def test_a_run_of_two_processes_is_the_same_in_the_pool(here, fingerprint, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))  # for lepton.worker
    overrides = [*WINE, "trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "seed=1"]
    Basic().launch_jobs(jobs(*overrides, "study=alone"))
    Parallel(workers=None, per_gpu=1, timeout=None).launch_jobs(jobs(*overrides, "study=pool"))
    assert len(fingerprints(fingerprint, "pool")) == 2
    assert fingerprints(fingerprint, "pool") == fingerprints(fingerprint, "alone")
