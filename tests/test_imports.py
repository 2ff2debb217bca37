"""What a command imports of packages that take seconds: only what it uses, seen in one process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
FAST = ("trainer=smoke", "study=imports")
TEXT = ("dataset=text_csv", "dataset.path=reviews.csv", "dataset.text=text", "dataset.target=y")
PLANNING = "from lepton.sweep.multirun import plan_runs; plan_runs(['seed=1,2'], sweep=True)"
STEPS = {  # in this order: a later one may import more
    "list": ["list"],
    PLANNING: [],
    "from lepton import train": [],
    "check a sweep": ["check", "-m", "seed=1,2"],
    "train": ["train", "dataset=wine", "model=linear", *FAST],
    "train on texts": ["train", *TEXT, "model=text_cnn", *FAST],
    "look at a search": [
        *("check", "-m", "hydra/sweeper=search", "optimizer.lr=tag(log,interval(1e-4,1e-1))"),
        "dataset=wine",
    ],
}
LIST_IMPORTS = """
import json, sys
from lepton.cli import main
for name, arguments in json.loads(sys.argv[1]).items():
    sys.argv, code = ["lepton", *arguments], 0
    if arguments:
        code = main()
    else:
        exec(name)
    packages = sorted({module.partition(".")[0] for module in sys.modules})
    print("@" + json.dumps([name, code, packages]), flush=True)
"""
PACKAGES = {
    *("torch", "hydra", "skops", "transformers", "tokenizers", "datasets", "peft", "optuna", "ray")
}


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """The packages that are imported after each step."""
    folder = tmp_path_factory.mktemp("imports")
    rows = range(60)
    texts = [f"a {'fine' if row % 2 else 'dull'} film, part {row}" for row in rows]
    pd.DataFrame({"text": texts, "y": [row % 2 for row in rows]}).to_csv(
        folder / "reviews.csv", index=False
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT), "LEPTON_CACHE": str(folder / "cache")}
    process = subprocess.run(
        [sys.executable, "-c", LIST_IMPORTS, json.dumps(STEPS)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    lines = [json.loads(line[1:]) for line in process.stdout.splitlines() if line.startswith("@")]
    assert [(name, code) for name, code, _ in lines] == [(name, 0) for name in STEPS], (
        process.stderr
    )
    return {name: PACKAGES & set(packages) for name, _, packages in lines}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "packages"),
    [
        ("list", set()),
        (PLANNING, {"hydra"}),
        ("from lepton import train", {"hydra"}),
        ("check a sweep", {"hydra", "torch", "skops"}),
        ("train", {"hydra", "torch", "skops"}),
        ("train on texts", {"hydra", "torch", "skops", "tokenizers"}),
        ("look at a search", {"hydra", "torch", "skops", "tokenizers", "optuna"}),
    ],
)
def test_a_command_imports_only_what_it_uses(imported, step, packages):
    assert imported[step] == packages
