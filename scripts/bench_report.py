"""Measures loading and reporting a study of many runs, beside reading its JSON alone.

python scripts/bench_report.py [--runs 10000]
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

TARGETS = {
    "load, first": (10.0, "s"),
    "load, again": (2.0, "s"),
    "memory of a load": (500.0, "MB"),
    "report.html": (10.0, "MB"),
    "open in a browser": (3.0, "s"),
}
LOAD = """
import resource, sys, time
from lepton.storage.results import load
started = time.perf_counter()
frame = load(sys.argv[1])
seconds = time.perf_counter() - started
print(len(frame), seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
TRAIN = ("train", "experiment=credit_scoring", "model=mlp_small", "trainer.max_epochs=20")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        measured = measure(Path(folder), runs)
    print(f"{runs} runs")
    is_target_missed = False
    for name, value in measured.items():
        target, unit = TARGETS.get(name, (None, "s"))
        is_target_missed |= target is not None and value > target
        target_text = "" if target is None else f"(target {target:g})"
        print(f"{name:28} {value:8.2f} {unit:3} {target_text}")
    ratio = measured["load, first"] / measured["JSON alone"]
    print(f"a first load is {ratio:.1f} times its JSON alone")
    return 1 if is_target_missed else 0


def measure(folder: Path, runs: int) -> dict[str, float]:
    """The numbers by name; the units stand in TARGETS, seconds where they do not."""
    study = make_study(folder, runs)
    started = time.perf_counter()
    for path in study.glob("*/result.json"):
        json.loads(path.read_bytes())
    measured = {"JSON alone": time.perf_counter() - started}
    for name in ("load, first", "load, again"):
        output = run_python("-c", LOAD, str(study), cwd=folder)
        count, seconds, megabytes = map(float, output.split())
        assert count == runs, "not every run was loaded"
        measured[name] = seconds
    measured["memory of a load"] = megabytes
    started = time.perf_counter()
    run_python("-m", "lepton", "report", str(study), "--out", "out", cwd=folder)
    measured["whole `lepton report`"] = time.perf_counter() - started
    page = folder / "out" / "report.html"
    measured["report.html"] = page.stat().st_size / 1e6
    return measured | time_browser(page)


def make_study(folder: Path, runs: int) -> Path:
    """A study of made-up runs: the numbers of one real run, moved by its settings and chance."""
    run_python("-m", "lepton", *TRAIN, "study=real", cwd=folder)
    (real_run,) = (path.parent for path in (folder / "runs" / "real").glob("*/result.json"))
    real_result, study = json.loads((real_run / "result.json").read_text()), folder / "runs/many"
    generator = random.Random(0)
    for i in range(runs):
        result = made_up_result(real_result, i, generator)
        run_folder = study / result["run"]
        run_folder.mkdir(parents=True)
        (run_folder / "result.json").write_text(json.dumps(result, indent=1))
        for path in real_run.rglob("*"):
            if path.is_file() and path.name != "result.json":
                linked_path = run_folder / path.relative_to(real_run)
                linked_path.parent.mkdir(exist_ok=True)
                os.link(path, linked_path)
    return study


def made_up_result(
    real_result: dict[str, Any], number: int, generator: random.Random
) -> dict[str, Any]:
    lr, width = 10 ** generator.uniform(-4, -1), generator.choice([16, 64, 256])
    seed, config = number % 5, real_result["config"]
    shift = -0.05 * (np.log10(lr) + 2.5) ** 2 + 0.01 * (width == 64) + generator.gauss(0, 0.01)
    choices = config["choices"] | {"optimizer": generator.choice(["adam", "adamw", "sgd"])}
    return real_result | {
        "run": f"german_credit-mlp_small-s{seed}-{number:010x}",
        "seconds": 1 + seed,
        "metrics": {name: score + shift for name, score in real_result["metrics"].items()},
        "score": real_result["score"] + shift,
        "config": config
        | {
            "seed": seed,
            "study": "many",
            "choices": choices,
            "optimizer": config["optimizer"] | {"lr": lr},
            "model": config["model"] | {"cat_width": width},
        },
    }


def run_python(*arguments: str, cwd: Path) -> str:
    """The output of Python with these arguments and this lepton."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    process = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True
    )
    if process.returncode:
        sys.exit(process.stderr)
    return process.stdout


def time_browser(page: Path) -> dict[str, float]:
    """Seconds that headless Chromium needs for the page beyond an empty one; {} without it."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print("no Chromium here: opening is not measured", file=sys.stderr)
        return {}
    blank = page.with_name("blank.html")
    blank.write_text("<!doctype html><title>blank</title>")
    seconds = {}
    for file in (blank, page):
        times = []
        for _ in range(3):
            command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
            started = time.perf_counter()
            subprocess.run([*command, file.as_uri()], capture_output=True, check=True)
            times.append(time.perf_counter() - started)
        seconds[file] = min(times)
    return {"open in a browser": seconds[page] - seconds[blank]}


if __name__ == "__main__":
    sys.exit(main())
