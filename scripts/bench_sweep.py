"""CPU seconds that a sweep spends on each job apart from the training itself, against the target.

    python scripts/bench_sweep.py [--jobs 20]

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
CHILD = """
import json, sys, time
from lepton import run
from lepton.cli import main
spent, inner = 0.0, run._train
def timed(*given, **named):
    global spent
    started = time.process_time()
    try:
        return inner(*given, **named)
    finally:
        spent += time.process_time() - started
run._train = timed
started, sys.argv = time.process_time(), ["lepton", *sys.argv[1:]]
code = main()
print(json.dumps({"code": code, "seconds": time.process_time() - started - spent}))
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=20)
    jobs = parser.parse_args().jobs
    slow = False
    print(f"{jobs} jobs                    CPU s a job  target")
    with tempfile.TemporaryDirectory() as runs:
        for name, command in {
            "planned (lepton check)": "check",
            "trained (trainer=smoke)": "train",
            "finished already": "train",
        }.items():
            many, one = (orchestration(command, n, runs) for n in (jobs, 1))
            each = (many - one) / (jobs - 1)
            slow |= each > TARGET
            print(f"{name:26} {each:11.3f}  {TARGET:.1f}")
    return 1 if slow else 0


def orchestration(command: str, jobs: int, runs: str) -> float:
    """CPU seconds of `lepton COMMAND -m` over so many seeds, but those inside the trainings."""
    words = [
        command,
        "-m",
        "hydra/launcher=basic",
        "trainer=smoke",
        f"seed=range({jobs})",
        f"runs={runs}",
        "study=bench",
    ]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *words],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    said = json.loads(done.stdout.strip().splitlines()[-1]) if done.returncode == 0 else {"code": 1}
    if said["code"] != 0:
        sys.exit(done.stdout + done.stderr)
    return said["seconds"]


if __name__ == "__main__":
    sys.exit(main())
