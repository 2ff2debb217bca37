"""How long a study of many runs takes to load and to report, beside reading its JSON alone.

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
    with tempfile.TemporaryDirectory() as place:
        found = measure(Path(place), runs)
    print(f"{runs} runs")
    missed = 0
    for name, value in found.items():
        target, unit = TARGETS.get(name, (None, "s"))
        missed += target is not None and value > target
        aim = "" if target is None else f"(target {target:g})"
        print(f"{name:28} {value:8.2f} {unit:3} {aim}")
    print(f"a first load is {found['load, first'] / found['JSON alone']:.1f} times its JSON alone")
    return 1 if missed else 0


def measure(place: Path, runs: int) -> dict[str, float]:
    study = make(place, runs)
    started = time.perf_counter()
    for path in study.glob("*/result.json"):
        json.loads(path.read_bytes())
    found = {"JSON alone": time.perf_counter() - started}
    for name in ("load, first", "load, again"):
        count, seconds, megabytes = map(float, lepton("-c", LOAD, str(study), cwd=place).split())
        assert count == runs, "not every run was loaded"
        found[name] = seconds
    found["memory of a load"] = megabytes
    started = time.perf_counter()
    lepton("-m", "lepton", "report", str(study), "--out", "out", cwd=place)
    found["whole `lepton report`"] = time.perf_counter() - started
    page = place / "out" / "report.html"
    found["report.html"] = page.stat().st_size / 1e6
    return found | opened(page)


def make(place: Path, runs: int) -> Path:
    """A study of made-up runs: the numbers of one real run, moved by its settings and chance."""
    lepton("-m", "lepton", *TRAIN, "study=real", cwd=place)
    (real,) = (path.parent for path in (place / "runs" / "real").glob("*/result.json"))
    known, study = json.loads((real / "result.json").read_text()), place / "runs" / "many"
    chance = random.Random(0)
    for i in range(runs):
        lr, width, seed = 10 ** chance.uniform(-4, -1), chance.choice([16, 64, 256]), i % 5
        one = known | {"run": f"german_credit-mlp_small-s{seed}-{i:010x}", "seconds": 1 + seed}
        shift = -0.05 * (np.log10(lr) + 2.5) ** 2 + 0.01 * (width == 64) + chance.gauss(0, 0.01)
        one["metrics"] = {k: v + shift for k, v in known["metrics"].items()}
        one["score"], config = known["score"] + shift, known["config"]
        choices = config["choices"] | {"optimizer": chance.choice(["adam", "adamw", "sgd"])}
        one["config"] = config | {"seed": seed, "study": "many", "choices": choices}
        one["config"]["optimizer"] = config["optimizer"] | {"lr": lr}
        one["config"]["model"] = config["model"] | {"cat_width": width}
        folder = study / one["run"]
        folder.mkdir(parents=True)
        (folder / "result.json").write_text(json.dumps(one, indent=1))
        for path in real.rglob("*"):
            if path.is_file() and path.name != "result.json":
                (folder / path.relative_to(real)).parent.mkdir(exist_ok=True)
                os.link(path, folder / path.relative_to(real))
    return study


def lepton(*words: str, cwd: Path) -> str:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    done = subprocess.run(
        [sys.executable, *words], cwd=cwd, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def opened(page: Path) -> dict[str, float]:
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
            words = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
            started = time.perf_counter()
            subprocess.run([*words, file.as_uri()], capture_output=True, check=True)
            times.append(time.perf_counter() - started)
        seconds[file] = min(times)
    return {"open in a browser": seconds[page] - seconds[blank]}


if __name__ == "__main__":
    sys.exit(main())
