"""Measures 64 runs as one stack, one by one, and the usual way with Hydra and Lightning.

    python scripts/bench_vectorize.py [--cases credit,adult] [--usual 5] [--seeds 4]

Whole process to whole process: 16 learning rates x 4 seeds through `lepton train -m` with
hydra/launcher=vectorized and hydra/launcher=basic, and scripts/bench_vectorize/usual.py (row-wise
DataLoader, ModelCheckpoint, CSVLogger, torchmetrics logged each step, BasicLauncher). Of the usual
way one and `--usual` runs are timed, and the time of 64 is what these two say (0: all 64).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent
LEARNING_RATES = [round(1e-4 * 1.35**i, 7) for i in range(16)]


@dataclass(frozen=True)
class Case:
    """A data set and a network, and how many times faster a stack is meant to be."""

    rows: int  # of the training split
    features: int
    hidden: list[int]
    dropout: float
    batch: int
    epochs: int
    target: float  # against runs one by one
    usual_target: float  # against the usual way


CASES = {
    "credit": Case(800, 48, [64, 32], 0.0, 32, 50, target=12, usual_target=60),
    "adult": Case(32_000, 105, [128, 128], 0.1, 256, 10, target=3, usual_target=15),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--usual", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=4)
    arguments = parser.parse_args()
    is_target_missed = False
    for name in arguments.cases.split(","):
        is_target_missed |= not compare(name, CASES[name], arguments.usual, arguments.seeds)
    return 1 if is_target_missed else 0


def compare(name: str, case: Case, usual_runs: int, seeds: int) -> bool:
    """Prints a case's table; True when its targets are met."""
    runs = len(LEARNING_RATES) * seeds
    size = f"{case.rows} x {case.features}, MLP {case.hidden}, batch {case.batch}"
    print(f"{name}: {runs} runs of {size}")
    with tempfile.TemporaryDirectory() as folder:
        stacked = sweep_seconds(folder, "vectorized", case, seeds)
        share = share_of_matmul(Path(folder) / "runs" / "vectorized", case.rows * case.epochs)
        single = sweep_seconds(folder, "basic", case, seeds)
        usual = usual_seconds(folder, usual_runs, case, seeds)
    print(f"  {'as one stack':14} {stacked:8.1f} s, the steps at {share:.0%} of a large matmul")
    are_targets_met = True
    for way, seconds, target in (
        ("one by one", single, case.target),
        ("usual way", usual, case.usual_target),
    ):
        ratio = seconds / stacked
        are_targets_met &= ratio >= target
        print(f"  {way:14} {seconds:8.1f} s  {ratio:6.1f} times (target {target})")
    return are_targets_met


def sweep_seconds(folder: str, launcher: str, case: Case, seeds: int) -> float:
    """Wall seconds of lepton's whole sweep through a launcher."""
    rows_before_split = round(case.rows / 0.64)
    overrides = [
        *("dataset=synthetic", f"dataset.rows={rows_before_split}", "preprocessing=standard"),
        *(f"dataset.numbers={case.features}", "dataset.categories=[]", "model=mlp"),
        *(f"model.hidden={case.hidden}".replace(" ", ""), f"model.dropout={case.dropout}"),
        *(f"batch_size={case.batch}", f"trainer.max_epochs={case.epochs}"),
        "trainer.patience=null",
        *(f"seed=range({seeds})", f"optimizer.lr={','.join(map(str, LEARNING_RATES))}"),
    ]
    command = [sys.executable, "-m", "lepton", "train", "-m", f"hydra/launcher={launcher}"]
    return command_seconds([*command, f"study={launcher}", *overrides], folder)


def usual_seconds(folder: str, count: int, case: Case, seeds: int) -> float:
    """Wall seconds of all runs the usual way, computed from those of one and of `count` runs."""
    script = str(SCRIPTS / "bench_vectorize" / "usual.py")
    command = [
        *(sys.executable, "-W", "ignore", script, "-m"),
        *(f"rows={case.rows}", f"features={case.features}"),
        *(f"hidden={case.hidden}".replace(" ", ""), f"dropout={case.dropout}"),
        *(f"batch_size={case.batch}", f"epochs={case.epochs}"),
    ]
    if not count:
        learning_rates = ",".join(map(str, LEARNING_RATES))
        return command_seconds([*command, f"seed=range({seeds})", f"lr={learning_rates}"], folder)
    first, several = (command_seconds([*command, f"seed=range({n})"], folder) for n in (1, count))
    further_runs = len(LEARNING_RATES) * seeds - 1
    return first + (several - first) / (count - 1) * further_runs


def command_seconds(command: list[str], folder: str) -> float:
    """Wall seconds of a command in a folder."""
    started = time.perf_counter()
    process = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SCRIPTS.parent)},
    )
    if process.returncode:
        sys.exit(process.stdout[-2000:] + process.stderr[-2000:])
    return time.perf_counter() - started


def share_of_matmul(study: Path, rows: int) -> float:
    """The arithmetic of the stacked steps a second, as a share of what a large product reaches."""
    import torch

    results = [json.loads(path.read_text()) for path in study.glob("*/result.json")]
    seconds = sum(result["seconds"] for result in results)
    flops = sum(6 * result["parameters"] * rows for result in results) / seconds
    matrix = torch.randn(2048, 2048, device="cuda" if torch.cuda.is_available() else "cpu")
    fastest = min(_seconds(lambda: (matrix @ matrix)[0, 0].item()) for _ in range(10))
    return flops / (2 * 2048**3 / fastest)


def _seconds(function: Callable[[], object]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
