"""Measures CPU seconds that a sweep spends on each job apart from the training itself.

    python scripts/bench_sweep.py [--jobs 20] [--planned 5000] [--finished 2000]

Plans are measured with many more jobs than are trained: jobs that differ in a few values, and jobs
that differ in the options of five groups. A study of finished runs is planned with one more seed.

Orchestration is all CPU time of the process but that inside the training of a run: Hydra, composing
and checking every job, finding what is finished, the table. Start-up (imports) is measured with a
plan of one job and taken off, because a sweep pays it once.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

TARGET = 0.1  # seconds of CPU a job
PLAN_TARGET = 0.003  # of a job that is planned
ONE_MORE_TARGET = 3.0  # of the whole plan of a study of finished runs and one more seed
PLANS = {
    "planned, values differ": ("seed=range({fifth})", "optimizer.lr=1,2,3,4,5"),
    "planned, options differ": (
        "seed=range({seeds})",
        "model=mlp,resnet,linear,tabm",
        "dataset=wine,german_credit,breast_cancer,diabetes,synthetic",
        "optimizer=adam,sgd,adamw,lion,muon",
        "scheduler=none,cosine,warmup_linear,warmup_cosine,inverse_sqrt",
        "regularization=none,ema,l1,label_smoothing,dropout",
    ),
}
PLANNING_COMMAND = """
import json, sys, time
from lepton.sweep.multirun import plan_runs
plan_runs(["seed=0"], sweep=True)
started = time.process_time()
plan = plan_runs(sys.argv[1:], sweep=True)
seconds = time.process_time() - started
print(json.dumps({"exit_code": 0, "seconds": seconds, "jobs": plan.combinations}))
"""
MEASURING_COMMAND = """
import json, sys, time
from lepton import run
from lepton.cli import main
training_seconds, train = 0.0, run._train
def timed_train(*args, **kwargs):
    global training_seconds
    started = time.process_time()
    try:
        return train(*args, **kwargs)
    finally:
        training_seconds += time.process_time() - started
run._train = timed_train
started, sys.argv = time.process_time(), ["lepton", *sys.argv[1:]]
exit_code = main()
seconds = time.process_time() - started - training_seconds
print(json.dumps({"exit_code": exit_code, "seconds": seconds}))
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=20)
    parser.add_argument("--planned", type=int, default=5000)
    parser.add_argument("--finished", type=int, default=2000)
    options = parser.parse_args()
    jobs, is_target_missed = options.jobs, False
    for name, words in PLANS.items():
        counts = {"fifth": options.planned // 5, "seeds": max(options.planned // 2500, 1)}
        arguments = [word.format(**counts) for word in words]
        plan = measured(PLANNING_COMMAND, arguments)
        job_seconds = plan["seconds"] / plan["jobs"]
        is_target_missed |= job_seconds > PLAN_TARGET
        print(f"{name:26} {job_seconds:11.4f}  {PLAN_TARGET:.3f}")
    with tempfile.TemporaryDirectory() as runs:
        seconds = one_more_seed(options.finished, runs)
    is_target_missed |= seconds > ONE_MORE_TARGET
    print(
        f"{options.finished} finished, one more seed {seconds:9.2f} s {ONE_MORE_TARGET:.0f} in all"
    )
    print(f"{jobs} jobs                    CPU s a job  target")
    with tempfile.TemporaryDirectory() as runs:
        for name, command in {
            "planned (lepton check)": "check",
            "trained (trainer=smoke)": "train",
            "finished already": "train",
        }.items():
            all_jobs, one_job = (cpu_seconds(command, n, runs) for n in (jobs, 1))
            job_seconds = (all_jobs - one_job) / (jobs - 1)
            is_target_missed |= job_seconds > TARGET
            print(f"{name:26} {job_seconds:11.3f}  {TARGET:.1f}")
    return 1 if is_target_missed else 0


def one_more_seed(finished: int, runs: str) -> float:
    """CPU seconds of the plan of a study of so many finished runs with another seed beside."""
    rates = ",".join(f"{0.0001 * (i + 1):.4f}" for i in range(finished // 5))
    sweep = ("dataset=wine", "model=linear", f"optimizer.lr={rates}", f"runs={runs}", "study=bench")
    measured(MEASURING_COMMAND, ["train", "-m", *sweep, "trainer=smoke", "seed=range(5)"])
    return measured(PLANNING_COMMAND, [*sweep, "trainer=smoke", "seed=range(6)"])["seconds"]


def cpu_seconds(command: str, jobs: int, runs: str) -> float:
    """CPU seconds of `lepton COMMAND -m` over so many seeds, but those inside the trainings."""
    arguments = [
        command,
        "-m",
        "hydra/launcher=basic",
        "trainer=smoke",
        f"seed=range({jobs})",
        f"runs={runs}",
        "study=bench",
    ]
    return measured(MEASURING_COMMAND, arguments)["seconds"]


def measured(program: str, arguments: list[str]) -> dict[str, float]:
    """What a program says on its last line, CPU seconds among it."""
    process = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    said = {"exit_code": 1}
    if process.returncode == 0:
        said = json.loads(process.stdout.strip().splitlines()[-1])
    if said["exit_code"] != 0:
        sys.exit(process.stdout + process.stderr)
    return said


if __name__ == "__main__":
    sys.exit(main())
