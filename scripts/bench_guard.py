"""Measures what the guard of a stack costs: the share of its time that goes into comparisons.

    python scripts/bench_guard.py [--sizes 2,8,64] [--cases credit,credit_short,adult]

For each case and number of runs a group trains in this process as one stack. The seconds of the
comparisons in training are set against those of the group, from reading the data to the last run
folder: both are of the same minutes of the machine.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lepton.sweep.multirun import plan_runs
from lepton.sweep.progress import SweepProgress
from lepton.vectorize.grouping import group_jobs
from lepton.vectorize.guard import Comparison, StackGuard
from lepton.vectorize.job_group import JobGroup, StackingOptions

CASES = {  # rows before splitting, features, layers, dropout, batch size, epochs
    "credit": (1250, 48, "[64,32]", 0.0, 32, 50),
    "credit_short": (1250, 48, "[64,32]", 0.0, 32, 4),
    "adult": (40_000, 105, "[128,128]", 0.1, 256, 3),
}
TARGET = 0.02  # of a stack's time, at most


class Clock:
    """The seconds that functions took together, and how often they were called."""

    def __init__(self) -> None:
        self.seconds, self.calls = 0.0, 0

    def timed(self, function: Callable) -> Callable:
        """The function, with its time counted."""

        def call(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.seconds += time.perf_counter() - started
                self.calls += 1

        return call


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="2,8,64")
    parser.add_argument("--cases", default=",".join(CASES))
    arguments = parser.parse_args()
    guard, comparison, training = Clock(), Clock(), Clock()
    StackGuard.chooses = guard.timed(StackGuard.chooses)
    StackGuard.comparisons = guard.timed(StackGuard.comparisons)
    Comparison.check = comparison.timed(Comparison.check)
    JobGroup.train = training.timed(JobGroup.train)
    is_target_missed = False
    for name in arguments.cases.split(","):
        for size in map(int, arguments.sizes.split(",")):
            for clock in (guard, comparison, training):
                clock.__init__()
            train(name, size, reset=(guard, comparison))
            share = (guard.seconds + comparison.seconds) / training.seconds
            milliseconds = 1e3 * comparison.seconds / comparison.calls
            print(
                f"{name}, {size} runs: {share:.2%} of {training.seconds:.1f} s, in "
                f"{comparison.calls} comparisons of {milliseconds:.2f} ms"
            )
            is_target_missed |= share > TARGET
    return 1 if is_target_missed else 0


def train(name: str, runs: int, *, reset: tuple[Clock, ...]) -> None:
    """Trains one stack of so many runs of a case."""
    rows, features, hidden, dropout, batch, epochs = CASES[name]
    overrides = [
        *("dataset=synthetic", f"dataset.rows={rows}", f"dataset.numbers={features}"),
        *("dataset.categories=[]", f"batch_size={batch}", "model=mlp", "trainer=cpu"),
        *(f"model.hidden={hidden}", f"model.dropout={dropout}", f"trainer.max_epochs={epochs}"),
        *("regularization=none", f"seed=range({runs})", "trainer.progress=false"),
        "trainer.patience=null",
    ]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        (jobs,), unstacked = group_jobs(plan_runs(overrides, sweep=True).jobs)
        assert not unstacked
        progress = SweepProgress(jobs)
        group = JobGroup(jobs, StackingOptions(threads=1, size=runs), progress)
        plan = group._plan
        group._plan = lambda members: _then(plan(members), *reset)
        assert group.train() == []
        os.chdir("/")


def _then(plan: Any, *clocks: Clock) -> Any:
    """The plan of the stacks; the comparisons of its trial are not counted."""
    for clock in clocks:
        clock.__init__()
    return plan


if __name__ == "__main__":
    sys.exit(main())
