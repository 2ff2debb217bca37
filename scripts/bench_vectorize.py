"""64 runs as one stack, one by one, and the usual way with Hydra and Lightning, in one run.

    python scripts/bench_vectorize.py [--cases credit,adult] [--usual 5]

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
from pathlib import Path

HERE = Path(__file__).resolve().parent
LRS = [round(1e-4 * 1.35**i, 7) for i in range(16)]
SEEDS = 4
CASES = {  # rows of the training split, numbers, hidden, dropout, batch, epochs; target ratios
    "credit": (800, 48, [64, 32], 0.0, 32, 50, 12, 60),
    "adult": (32_000, 105, [128, 128], 0.1, 256, 10, 3, 15),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--usual", type=int, default=5)
    chosen = parser.parse_args()
    missed = False
    for case in chosen.cases.split(","):
        missed |= compare(case, chosen.usual)
    return 1 if missed else 0


def compare(case: str, usual_runs: int) -> bool:
    """Prints a case's table; whether a target is missed."""
    rows, features, hidden, dropout, batch, epochs, *targets = CASES[case]
    print(f"{case}: {len(LRS) * SEEDS} runs of {rows} x {features}, MLP {hidden}, batch {batch}")
    with tempfile.TemporaryDirectory() as folder:
        words = [
            *("dataset=synthetic", f"dataset.rows={round(rows / 0.64)}", "preprocessing=standard"),
            *(f"dataset.numbers={features}", "dataset.categories=[]", "model=mlp"),
            *(f"model.hidden={hidden}".replace(" ", ""), f"model.dropout={dropout}"),
            *(f"batch_size={batch}", f"trainer.max_epochs={epochs}", f"seed=range({SEEDS})"),
            f"optimizer.lr={','.join(map(str, LRS))}",
        ]
        stacked = lepton(folder, "vectorized", words)
        share = of_matmul(Path(folder) / "runs" / "vectorized", rows * epochs)
        single = lepton(folder, "basic", words)
        usual = usual_seconds(folder, usual_runs, rows, features, hidden, dropout, batch, epochs)
    print(f"  {'as one stack':14} {stacked:8.1f} s, the steps at {share:.0%} of a large matmul")
    missed = False
    for name, seconds, target in zip(
        ("one by one", "usual way"), (single, usual), targets, strict=True
    ):
        ratio = seconds / stacked
        missed |= ratio < target
        print(f"  {name:14} {seconds:8.1f} s  {ratio:6.1f} times (target {target})")
    return missed


def lepton(folder: str, launcher: str, words: list[str]) -> float:
    """Wall seconds of a whole sweep."""
    line = [sys.executable, "-m", "lepton", "train", "-m", f"hydra/launcher={launcher}"]
    return timed([*line, f"study={launcher}", *words], folder)


def usual_seconds(folder, count, rows, features, hidden, dropout, batch, epochs) -> float:
    """Wall seconds of all runs the usual way, from one and `count` runs."""
    sizes = [f"rows={rows}", f"features={features}", f"hidden={hidden}".replace(" ", "")]
    sizes += [f"dropout={dropout}", f"batch_size={batch}", f"epochs={epochs}"]
    line = [
        sys.executable,
        "-W",
        "ignore",
        str(HERE / "bench_vectorize" / "usual.py"),
        "-m",
        *sizes,
    ]
    total = len(LRS) * SEEDS
    if not count:
        return timed([*line, f"seed=range({SEEDS})", f"lr={','.join(map(str, LRS))}"], folder)
    one, some = (timed([*line, f"seed=range({n})"], folder) for n in (1, count))
    return one + (some - one) / (count - 1) * (total - 1)


def timed(line: list[str], folder: str) -> float:
    started = time.perf_counter()
    done = subprocess.run(
        line,
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(HERE.parent)},
    )
    if done.returncode:
        sys.exit(done.stdout[-2000:] + done.stderr[-2000:])
    return time.perf_counter() - started


def of_matmul(study: Path, rows: int) -> float:
    """The arithmetic of the stacked steps a second, as a share of what a large product reaches."""
    import torch

    results = [json.loads(path.read_text()) for path in study.glob("*/result.json")]
    seconds = sum(result["seconds"] for result in results)
    done = sum(6 * result["parameters"] * rows for result in results) / seconds
    a = torch.randn(2048, 2048)
    best = min(_seconds(lambda: a @ a) for _ in range(10))
    return done / (2 * 2048**3 / best)


def _seconds(work) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
