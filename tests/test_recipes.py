"""The recipes of CONTRIBUTING.md, followed to the letter in a copy of the project."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
FILES = dict(re.findall(r"```\w+ ([\w/.]+)\n(.*?)```", TEXT, flags=re.DOTALL))
OPTIONS = [path for path in FILES if path.startswith("conf/")]
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
pytestmark = pytest.mark.slow


def run(project, *command):
    environment = {**os.environ, "PYTHONPATH": str(project)}
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def replace(path, old, new):
    text = path.read_text()
    assert text.count(old) == 1, f"{path.name}: {old}"
    path.write_text(text.replace(old, new))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy that has the files of all recipes, counted and listed as CONTRIBUTING.md says."""
    copy = tmp_path_factory.mktemp("copy") / "project"
    hidden = shutil.ignore_patterns(".*", "runs", "dist", "__pycache__")
    shutil.copytree(ROOT, copy, ignore=hidden)
    for name, text in FILES.items():
        (copy / name).write_text(text)
    counts = copy / "tests" / "test_conf.py"
    for group in (Path(option).parent.name for option in OPTIONS):
        (count,) = re.findall(rf'"{group}": (\d+),', counts.read_text())
        replace(counts, f'"{group}": {count},', f'"{group}": {int(count) + 1},')
    for option in OPTIONS:
        row, name = f"| `{Path(option).parent.name}` | ", Path(option).stem
        replace(copy / "docs" / "runs.md", row, f"{row}`{name}` ")
    cli = copy / "lepton" / "cli.py"
    line = '    "verify": "lepton.commands.verify",\n'
    replace(cli, line, line + '    "where": "lepton.commands.where",\n')
    run(copy, sys.executable, "scripts/build_option_reference.py")
    return copy


def test_every_recipe_has_its_files():
    assert len(FILES) == 23
    assert len(OPTIONS) == 7


def test_the_tests_of_the_recipes_pass(project):
    tests = [name for name in FILES if name.startswith("tests/")]
    run(project, *PYTEST, *tests)


def test_the_projects_own_tests_of_options_pass(project):
    names = " or ".join(Path(option).stem for option in OPTIONS)
    tests = ["tests/test_conf.py", "tests/test_docs.py", "tests/config/test_listing.py"]
    chosen = f"{names} or counts or reference or table_of_groups"
    out = run(
        project,
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-k",
        chosen,
        *tests,
    )
    assert re.search(r"[1-9]\d passed", out)


def test_ruff_finds_nothing(project):
    files = [name for name in FILES if name.endswith(".py")]
    shutil.copy(ROOT / "pyproject.toml", project)
    ruff = Path(sys.executable).parent / "ruff"
    run(project, ruff, "check", "--no-cache", *files)
    run(project, ruff, "format", "--no-cache", "--check", *files)


def _as_override(option):
    return f"{Path(option).parent.name}={Path(option).stem}"


def test_the_options_and_the_command_are_used(project):
    lepton = [sys.executable, "-m", "lepton"]
    fast = ("trainer=cpu", "trainer.max_epochs=2", "study=tried")
    apart = {  # words that go with those options which do not go with the others
        ("waves", "series_cnn"): (),
        ("reconstruction",): ("dataset=synthetic", "dataset.target=null", "model=mlp_small"),
        ("hit_rate",): ("dataset=diabetes", "metric.hit_rate.tolerance=30.0"),
    }
    names = {Path(option).stem for option in OPTIONS}
    others = tuple(names.difference(*apart))
    for chosen, words in {**apart, others: ()}.items():
        options = [_as_override(option) for option in OPTIONS if Path(option).stem in chosen]
        run(project, *lepton, "train", *options, *words, *fast)
    words = ("dataset=waves", "model=series_cnn", "seed=0,1", *fast)
    run(project, *lepton, "train", "-m", *words, "hydra/launcher=vectorized")
    assert "  lepton where NAME " in run(project, *lepton, "--help")
    assert run(project, *lepton, "where", "gated").startswith("runs/tried/iris-gated-s0-")
