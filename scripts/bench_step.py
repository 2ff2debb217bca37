"""Measures lepton's whole fit against a hand-written PyTorch loop over the same tensors.

    python scripts/bench_step.py [--repeat 5] [--epochs 20]

Both train a 2 x 128 MLP on 40 000 x 60 rows in batches of 256 with the same optimizer, threads and
validation, and keep the weights of the best epoch; they take turns, and medians are compared.
Memory: growth of the process's peak over what is resident after a small run, 400 000 x 60 rows.
"""

import argparse
import copy
import math
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

MAX_RATIO, MAX_MEMORY = 1.3, 2.0  # targets: times the loop's step, times the bytes of the data
BATCH, WIDTH, FEATURES = 256, 128, 60
TRAIN_ROWS, LARGE_ROWS = 40_000, 400_000
SETTING = (
    "dataset=synthetic",
    "trainer.patience=null",
    f"dataset.numbers={FEATURES}",
    "dataset.categories=[]",
    "preprocessing=standard",
    "model=mlp",
    f"model.hidden=[{WIDTH},{WIDTH}]",
    "model.dropout=0",
    "optimizer=adamw",
    f"batch_size={BATCH}",
    "study=bench",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory_of:
        print(peak_over_data(arguments.memory_of))
        return 0
    ratio = compare_steps(arguments.repeat, arguments.epochs)
    command = [sys.executable, __file__, "--memory-of", str(LARGE_ROWS)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    memory = float(output.split()[-1])
    data = f"{LARGE_ROWS} x {FEATURES} float32"
    print(f"memory  {memory:.2f} times the data ({data}) at the peak (target {MAX_MEMORY})")
    return 0 if ratio <= MAX_RATIO and memory <= MAX_MEMORY else 1


def compare_steps(repeat: int, epochs: int) -> float:
    """Prints the time of a step both ways and returns the median of their ratios."""
    import torch

    from lepton import build
    from lepton.config.check import check
    from lepton.config.compose import compose

    torch.set_num_threads(1)
    rows_before_split = round(TRAIN_ROWS / 0.64)
    overrides = [*SETTING, f"dataset.rows={rows_before_split}", f"trainer.max_epochs={epochs}"]
    splits = build.data(check(compose(*overrides))).splits
    rows = len(splits["train"]["id"])
    steps = epochs * math.ceil(rows / BATCH)
    lepton_times, loop_times = [], []
    for seed in range(repeat):
        lepton_times.append(fit_seconds(*overrides, f"seed={seed}"))
        loop_times.append(loop_seconds(splits, epochs, seed))
    print(f"{rows} x {FEATURES} rows, {epochs} epochs, {steps} steps, {repeat} turns")
    for name, times in (("lepton", lepton_times), ("loop", loop_times)):
        step_times = [1e6 * seconds / steps for seconds in times]
        median = statistics.median(step_times)
        print(f"{name:7} {median:6.0f} µs a step ({min(step_times):.0f} to {max(step_times):.0f})")
    ratio = statistics.median(a / b for a, b in zip(lepton_times, loop_times, strict=True))
    print(f"ratio   {ratio:.2f} (target {MAX_RATIO})")
    return ratio


def fit_seconds(*overrides: str) -> float:
    """Wall seconds of fitting as lepton records them, of a run in a folder of its own."""
    from lepton import compose, train

    with tempfile.TemporaryDirectory() as runs:
        return train(compose(*overrides, f"runs={runs}")).seconds


def loop_seconds(splits: dict[str, dict[str, Any]], epochs: int, seed: int) -> float:
    """Wall seconds of the loop that one would write by hand for this one job."""
    import torch
    from torch import nn
    from torch.nn.functional import binary_cross_entropy_with_logits as log_loss

    x, y = splits["train"]["num"], splits["train"]["target"]
    x_val, y_val = splits["val"]["num"], splits["val"]["target"]
    started = time.perf_counter()
    torch.manual_seed(seed)
    model = nn.Sequential(
        *(nn.Linear(FEATURES, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU()),
        nn.Linear(WIDTH, 1),
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2, fused=True)
    best_loss, best_weights = math.inf, None
    for _ in range(epochs):
        model.train()
        losses = []
        for rows in torch.randperm(len(x)).split(BATCH):
            loss = log_loss(model(x[rows]).squeeze(1), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        torch.stack(losses).mean().item()
        model.eval()
        with torch.no_grad():
            val_loss = log_loss(model(x_val).squeeze(1), y_val).item()
        if val_loss < best_loss:
            best_loss, best_weights = val_loss, copy.deepcopy(model.state_dict())
    model.load_state_dict(best_weights)
    return time.perf_counter() - started


def peak_over_data(rows: int) -> float:
    """Growth of the peak of resident memory in a run, divided by the bytes of its features."""
    fit_seconds(*SETTING, "dataset.rows=1000", "trainer=smoke")  # imports and thread pools
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    before = pages * resource.getpagesize()
    fit_seconds(*SETTING, f"dataset.rows={rows}", "trainer.max_epochs=1")
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (peak - before) / (4 * rows * FEATURES)


if __name__ == "__main__":
    sys.exit(main())
