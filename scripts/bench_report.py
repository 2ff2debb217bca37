"""Measures commands on a study of many runs, each with settings of its own, beside reading its
JSON alone. Seconds are CPU seconds, of a command those of the whole process.

python scripts/bench_report.py [--runs 10000]
"""

import argparse
import hashlib
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

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from lepton.storage.digests import SUMS_FILE, SUMS_HEAD
from lepton.storage.index import INDEX_FILE

TARGETS = {
    "load, first": (10.0, "s"),
    "load, again": (2.0, "s"),
    "memory of a load": (500.0, "MB"),
    "`lepton results`, no index": (5.0, "s"),
    "`lepton results`": (5.0, "s"),
    "report.html": (10.0, "MB"),
    "open in a browser": (3.0, "s"),
}
LOAD = """
import resource, sys, time
from lepton.storage.study_table import load
started = time.process_time()
frame = load(sys.argv[1])
seconds = time.process_time() - started
print(len(frame), seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
TRAIN = ("train", "experiment=credit_scoring", "model=mlp_small", "trainer.max_epochs=20")
COMMANDS = {
    "`lepton results`, no index": ("results",),
    "`lepton results`": ("results",),
    "... --compare optimizer": ("results", "--compare", "optimizer"),
    "... --csv": ("results", "--csv", "runs.csv"),
    "`lepton report`": ("report", "--out", "out"),
}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        measured, walls = measure(Path(folder), runs)
    print(f"{runs} runs")
    is_target_missed = False
    for name, value in measured.items():
        target, unit = TARGETS.get(name, (None, "s"))
        is_target_missed |= target is not None and value > target
        target_text = "" if target is None else f"(target {target:g})"
        wall_text = f"({walls[name]:.2f} s of time)" if name in walls else ""
        print(f"{name:28} {value:8.2f} {unit:3} {target_text} {wall_text}".rstrip())
    ratio = measured["load, first"] / measured["JSON alone"]
    print(f"a first load is {ratio:.1f} times its JSON alone")
    return 1 if is_target_missed else 0


def measure(folder: Path, runs: int) -> tuple[dict[str, float], dict[str, float]]:
    """The numbers by name, and wall seconds of commands; units are in TARGETS, else seconds."""
    study = make_study(folder, runs)
    started = time.process_time()
    for path in study.glob("*/result.json"):
        json.loads(path.read_bytes())
    measured = {"JSON alone": time.process_time() - started}
    for name in ("load, first", "load, again"):
        output = run_python("-c", LOAD, str(study), cwd=folder)
        count, seconds, megabytes = map(float, output.split())
        assert count == runs, "not every run was loaded"
        measured[name] = seconds
    measured["memory of a load"] = megabytes
    walls = {}
    for name, (command, *words) in COMMANDS.items():
        if name.endswith("no index"):
            (study / INDEX_FILE).unlink(missing_ok=True)  # as one that is looked at first
        measured[name], walls[name] = time_command(command, str(study), *words, cwd=folder)
    page = folder / "out" / "report.html"
    measured["report.html"] = page.stat().st_size / 1e6
    return measured | time_browser(page), walls


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
        content = json.dumps(result, indent=1).encode()
        (run_folder / "result.json").write_bytes(content)
        (run_folder / SUMS_FILE).write_bytes(digests_with(real_run, "result.json", content))
        for path in real_run.rglob("*"):
            if path.is_file() and path.name not in ("result.json", SUMS_FILE):
                linked_path = run_folder / path.relative_to(real_run)
                linked_path.parent.mkdir(exist_ok=True)
                os.link(path, linked_path)
    return study


def digests_with(real_run: Path, name: str, content: bytes) -> bytes:
    """The digests of a run's files, with another content of one of them."""
    _, *lines = (real_run / SUMS_FILE).read_text().splitlines(keepends=True)
    changed = f"{hashlib.sha256(content).hexdigest()}  {name}\n"
    text = "".join(changed if line[66:-1] == name else line for line in lines).encode()
    return SUMS_HEAD.format(hashlib.sha256(text).hexdigest()).encode() + text


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


def time_command(*words: str, cwd: Path) -> tuple[float, float]:
    """CPU seconds of a command of lepton's and of what it starts, and its seconds of time."""
    before, started = os.times(), time.perf_counter()
    run_python("-m", "lepton", *words, cwd=cwd)
    after = os.times()
    cpu = (after[2] + after[3]) - (before[2] + before[3])  # of children that have ended
    return cpu, time.perf_counter() - started


def run_python(*arguments: str, cwd: Path) -> str:
    """The output of Python with these arguments and this lepton."""
    package = str(Path(__file__).resolve().parents[1])
    environment = os.environ | {"PYTHONPATH": package, "OMP_NUM_THREADS": "1"}
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
