"""The launchers for other machines: the same runs in the same study, and only lost jobs fail."""

import os
import signal
import stat
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from lepton import load
from lepton.storage.run_folder import read_failure, run_status
from lepton.sweep.multirun import multirun, plan_runs

pytestmark = pytest.mark.slow  # Ray and submitit are the extra `cluster`
WINE = ("dataset=wine", "model=mlp_small", "trainer.max_epochs=2")
DEADLY = ("dataset=wine", "model=deadly", "trainer.max_epochs=1")
RAY, LOCAL, SLURM = (
    "hydra/launcher=" + name for name in ("ray", "submitit_local", "submitit_slurm")
)
# What Slurm's commands do, on this machine and without its daemons: queue, run, tell, cancel.
SBATCH = r"""
import os, re, subprocess, sys, uuid
text = open(sys.argv[-1]).read()
queue, job = os.environ["QUEUE"], str(uuid.uuid4().int % 10**6)
array = re.search(r"--array=(\d+)-(\d+)", text)
first, last = map(int, array.groups()) if array else (0, 0)
if last >= int(os.environ.get("QUEUE_ARRAY", 1001)):
    sys.exit("sbatch: error: Batch job submission failed: Invalid job array specification")
if len(os.listdir(queue)) + last - first + 1 > int(os.environ.get("QUEUE_LIMIT", 10**6)):
    sys.exit("sbatch: error: AssocMaxSubmitJobLimit\nsbatch: error: too many jobs")
for task in range(first, last + 1):
    name = f"{job}_{task}" if "--array" in text else job
    variables = {"SLURM_JOB_ID": job, "SLURM_NTASKS": "1", "SLURM_JOB_NAME": "lepton"}
    if "_" in name:
        variables |= {"SLURM_ARRAY_JOB_ID": job, "SLURM_ARRAY_TASK_ID": str(task)}
    run = f"bash {sys.argv[-1]}; rm -f {queue}/{name}"
    open(f"{queue}.log", "a").write(f"{name}\n")
    started = subprocess.Popen(["bash", "-c", run], env={**os.environ, **variables},
        start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    open(f"{queue}/{name}", "w").write(str(started.pid))
print(f"Submitted batch job {job}")
"""
SRUN = r"""
import os, subprocess, sys
arguments = sys.argv[1:]
while arguments[0].startswith("--"):
    if arguments[0] in ("--output", "--error"):
        path = arguments[1]
        for mark, name in (("%A", "SLURM_ARRAY_JOB_ID"), ("%a", "SLURM_ARRAY_TASK_ID")):
            path = path.replace(mark, os.environ.get(name, ""))
        path = path.replace("%j", os.environ["SLURM_JOB_ID"]).replace("%t", "0")
        stream = 1 if arguments[0] == "--output" else 2
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644), stream)
        arguments = arguments[1:]
    arguments = arguments[1:]
sys.exit(subprocess.run(arguments, env={**os.environ, "SLURM_PROCID": "0"}).returncode)
"""
SQUEUE = 'import os; print("\\n".join(os.listdir(os.environ["QUEUE"])))'
SCANCEL = r"""
import os, pathlib, signal, sys
for path in pathlib.Path(os.environ["QUEUE"]).glob(sys.argv[-1] + "*"):
    os.killpg(int(path.read_text()), signal.SIGKILL)
    path.unlink()
"""


@pytest.fixture
def slurm(tmp_path_factory, monkeypatch):
    """Stand-ins for Slurm's commands, first on the path."""
    folder = tmp_path_factory.mktemp("slurm")
    commands = {"sbatch": SBATCH, "srun": SRUN, "squeue": SQUEUE, "scancel": SCANCEL}
    commands["scontrol"] = 'import os; print("MaxArraySize =", os.environ.get("QUEUE_ARRAY", 1001))'
    for name, text in {**commands, "sacct": "import sys; sys.exit(1)"}.items():
        (folder / name).write_text(f"#!{sys.executable}\n{text}")
        (folder / name).chmod(stat.S_IRWXU)
    (folder / "queue").mkdir()
    monkeypatch.setenv("QUEUE", str(folder / "queue"))
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@pytest.fixture
def sweep(command, start):
    """Runs a sweep to its end, or starts one."""

    def sweep(*overrides, running=False):
        return (start if running else command)("train", "-m", *overrides)

    return sweep


def fingerprints(fingerprint, study):
    return {p.parent.name: fingerprint(p.parent) for p in Path("runs", study).glob("*/result.json")}


@pytest.mark.parametrize("launcher", [RAY, LOCAL, SLURM])
def test_runs_are_those_of_one_process_in_the_same_study(here, slurm, sweep, fingerprint, launcher):
    multirun([*WINE, "seed=range(4)", "study=alone", "hydra/launcher=basic"])
    code, output = sweep(*WINE, "seed=range(4)", "study=far", launcher)
    assert code == 0, output
    assert len(fingerprints(fingerprint, "far")) == 4
    assert fingerprints(fingerprint, "far") == fingerprints(fingerprint, "alone")
    code, output = sweep(*WINE, "seed=range(4)", "study=far", launcher)
    assert code == 0
    assert "4 runs: 4 finished, 0 to train" in output
    assert not list(Path("runs/far").glob(".submitit"))


@pytest.mark.parametrize("launcher", [RAY, LOCAL, SLURM])
def test_stacks_go_out_as_one_job_each(here, slurm, sweep, fingerprint, launcher):
    words = [*WINE, "seed=range(5)", "hydra.launcher.size=3"]
    threads = ["hydra/launcher=vectorized", "hydra.launcher.threads=1"]
    multirun([*words, "study=near", *threads])
    code, output = sweep(*words, "study=far", launcher)
    assert code == 0, output
    assert len(fingerprints(fingerprint, "far")) == 5
    assert fingerprints(fingerprint, "far") == fingerprints(fingerprint, "near")
    if launcher == SLURM:
        assert len(Path(os.environ["QUEUE"] + ".log").read_text().split()) == 2


@pytest.mark.parametrize("launcher", [RAY, LOCAL, SLURM])
def test_a_job_that_dies_is_the_only_one_that_fails(trap, slurm, sweep, launcher):
    trap(2, "kill")
    code, output = sweep(*DEADLY, "seed=1,2,3", launcher)
    assert code == 1
    assert "1 of 3 runs failed" in output
    assert "Traceback" not in output
    planned = plan_runs([*DEADLY, "seed=1,2,3"], sweep=True).jobs
    assert [run_status(job.folder) for job in planned] == ["finished", "failed", "finished"]
    assert read_failure(planned[1].folder)["error"].startswith("WorkerLost: ")


@pytest.mark.parametrize("launcher", [RAY, LOCAL, SLURM])
def test_a_failure_keeps_its_own_traceback(fragile, slurm, sweep, launcher):
    (fragile / "2").touch()
    code, output = sweep("dataset=wine", "model=fragile", "seed=1,2", launcher)
    assert code == 1, output
    row = load("default").set_index("status").loc["failed"]
    assert "no luck with 2" in row["error"]


@pytest.mark.parametrize("launcher", [LOCAL, SLURM, RAY])
def test_ctrl_c_ends_the_jobs(trap, slurm, sweep, has_ended, launcher):
    trap(1, "hang")
    process = sweep(*DEADLY, "seed=1", launcher, running=True)
    while process.is_alive() and not Path("pids").exists():
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    process.join(60)
    assert process.exitcode == 130, Path("output.txt").read_text()
    assert has_ended(Path("pids").read_text().split()[0])


def test_no_more_jobs_run_at_once_than_there_are_cores_for(trap, sweep):
    for seed in range(4):
        trap(seed, "nap")
    code, output = sweep(*DEADLY, "seed=range(4)", LOCAL, "hydra.launcher.at_once=1")
    assert code == 0, output
    ended = sorted(p.stat().st_mtime for p in Path("runs").glob("default/*/result.json"))
    assert all(later - earlier > 0.3 for earlier, later in pairwise(ended))


def test_arrays_are_no_larger_than_slurm_takes_them(here, slurm, sweep, monkeypatch):
    monkeypatch.setenv("QUEUE_ARRAY", "2")
    code, output = sweep(*WINE, "seed=range(5)", SLURM)
    assert code == 0, output
    assert "5 runs: 5 finished" in sweep(*WINE, "seed=range(5)", SLURM)[1]


def test_a_full_queue_takes_the_others_when_jobs_have_ended(here, slurm, sweep, monkeypatch):
    monkeypatch.setenv("QUEUE_ARRAY", "2")
    monkeypatch.setenv("QUEUE_LIMIT", "2")
    code, output = sweep(*WINE, "seed=range(5)", SLURM)
    assert code == 0, output
    assert "runs wait until the cluster takes more: " in output


def test_a_cluster_that_takes_nothing_is_one_line(here, slurm, sweep, monkeypatch):
    monkeypatch.setenv("QUEUE_LIMIT", "0")
    code, output = sweep(*WINE, "seed=range(2)", SLURM)
    assert code == 2
    assert output.splitlines()[-1].endswith("submitit_slurm: sbatch: error: too many jobs")
    assert "Traceback" not in output
    assert not list(Path("runs").rglob("*.part")) + list(Path("runs").rglob(".submitit"))


def test_an_option_that_submitit_does_not_know_is_one_line(slurm, lepton):
    arguments = [
        "train",
        "-m",
        *WINE,
        "seed=1,2",
        SLURM,
        "+hydra.launcher.options.slurm_colour=red",
    ]
    code, _, err = lepton(*arguments)
    assert code == 2
    assert "slurm_colour" in err.splitlines()[-1]
    assert "Traceback" not in err
