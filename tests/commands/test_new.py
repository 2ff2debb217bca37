"""`lepton new`: a project from which one trains, and further options of it."""

import ast
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lepton.scaffold.template import KINDS, PACKAGE, TEMPLATE_DIR, class_name, template_files

ROOT = Path(__file__).parents[2]
SHORT = ("trainer=cpu", "trainer.max_epochs=1")


def tree(folder="."):
    """The files of a folder, by their paths in it."""
    paths = [path for path in Path(folder).rglob("*") if path.is_file()]
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in paths
        if "__pycache__" not in p.parts
    }


@pytest.fixture
def project(lepton, here, monkeypatch):
    """The command, in a new project `credit`."""
    assert lepton("new", "project", "credit")[0] == 0
    monkeypatch.chdir(here / "credit")
    yield lepton
    for name in [name for name in sys.modules if name.split(".")[0] == "credit"]:
        del sys.modules[name]


def test_a_project_is_the_template_under_another_name(project):
    expected = {
        name.replace(PACKAGE, "credit"): (TEMPLATE_DIR / name)
        .read_text()
        .replace(PACKAGE, "credit")
        for name in template_files()
    }
    assert {name: text.decode() for name, text in tree().items()} == expected
    assert os.listdir("..") == ["credit"]


@pytest.mark.slow
def test_a_project_trains_lists_and_checks_its_options_as_it_is(project):
    code, _, said = project("train", "experiment=rings_baseline", *SHORT)
    assert code == 0, said
    (folder,) = Path("runs/rings_baseline").glob("*/result.json")
    metrics = json.loads(folder.read_text())["metrics"]
    assert {"test/top_share", "test@noisy_inputs/auroc"} <= set(metrics)
    assert "1 finished" in project("check", "experiment=rings_baseline", *SHORT)[1]
    for kind in KINDS.values():
        assert kind.option in project("list", kind.group)[1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_option_is_listed_and_has_its_own_names(project, kind):
    before = tree()
    code, out, said = project("new", kind, "second_try")
    assert (code, said) == (0, "")
    group = KINDS[kind].group
    new = {name: text.decode() for name, text in tree().items() if name not in before}
    assert set(out.split("\n\n")[0].splitlines()) == set(new)
    assert before.items() <= tree().items()
    assert "second_try" in project("list", group)[1]
    assert f"lepton list {group}/second_try" in out
    old = rf"\b(Test)?({KINDS[kind].option}|{class_name(KINDS[kind].option)})\b"
    assert not re.findall(old, "".join(new.values()))
    for name, text in new.items():
        if name.endswith(".py"):
            ast.parse(text)


@pytest.mark.slow
def test_a_new_model_and_data_set_train(project):
    assert project("new", "model", "deep")[0] == 0
    assert project("new", "dataset", "moons")[0] == 0
    assert project("train", "dataset=moons", "model=deep", *SHORT)[0] == 0


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("project", "new project: usage: lepton new KIND NAME (project, model, module, "),
        ("", "new: usage: lepton new KIND NAME"),
        ("model a b", "new model a b: usage: lepton new KIND NAME"),
        ("modell a", "new modell: no such kind; did you mean 'model'? (project, model, "),
        ("model --force", "--force: no such flag; usage: lepton new KIND NAME"),
        ("model Deep", "new model Deep: a name is a Python module's, of small letters, "),
        ("model ../deep", "new model ../deep: a name is a Python module's"),
        ("model class", "new model class: a name is a Python module's"),
        ("project 3d", "new project 3d: a name is a Python module's"),
        ("project json", "json: Python has a module of this name, or a project its folder"),
        ("project tests", "tests: "),
        ("project conf", "conf: is there already; nothing was written"),
        ("model wide", "model=wide: is an option already; nothing was written"),
        ("model mlp", "model=mlp: is an option already; nothing was written"),
    ],
)
def test_a_bad_name_gets_one_line_and_nothing_is_written(project, words, line):
    before = tree()
    code, out, said = project("new", *words.split())
    assert (code, out) == (2, "")
    assert said.startswith(f"lepton: {line}")
    assert said.count("\n") == 1
    assert tree() == before


@pytest.mark.parametrize("name", ["credit/deep.py", "tests/test_deep.py"])
def test_no_file_is_overwritten(project, name):
    Path(name).write_text("mine")
    before = tree()
    said = project("new", "model", "deep")[2]
    assert said == f"lepton: {name}: is there already; nothing was written\n"
    assert tree() == before


def test_a_file_that_cannot_be_written_leaves_none_behind(project, monkeypatch):
    before, opened = tree(), Path.open

    def full(self, *arguments, **options):
        if self.name == "test_deep.py":
            raise OSError(28, "No space left on device", str(self))
        return opened(self, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        code, _, said = project("new", "model", "deep")
    assert code == 2
    assert said == "lepton: tests/test_deep.py: cannot be written (No space left on device)\n"
    assert tree() == before


def test_an_option_outside_of_a_project_is_refused(lepton, here):
    code, _, said = lepton("new", "model", "deep")
    assert code == 2
    assert said.startswith(
        "lepton: new: no pyproject.toml here whose tool.lepton.allow names a fol"
    )
    assert tree() == {}


def steps():
    """What the CI file of a project runs, but for the installation."""
    jobs = yaml.safe_load((TEMPLATE_DIR / ".github/workflows/ci.yml").read_text())["jobs"]
    runs = [step["run"] for step in jobs["test"]["steps"] if "run" in step]
    assert runs[0].startswith("pip install")
    return runs[1:]


@pytest.mark.slow
@pytest.mark.parametrize("command", [step for step in steps() if step != "pytest"])
def test_the_ci_file_of_a_project_passes_in_it(project, command):
    name, *rest = shlex.split(command)
    process = subprocess.run(
        [sys.executable, "-m", name, *rest],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stdout + process.stderr


def test_the_ci_file_runs_the_tests_of_a_project():
    assert "pytest" in steps()


@pytest.mark.parametrize(
    "words", [("project", "a\nb"), ("model", "a\nb"), ("a\nb", "c"), ("a\nb",), ("project", "-\n")]
)
def test_a_name_with_a_line_break_gets_one_line(lepton, here, words):
    code, _, errors = lepton("new", *words)
    assert (code, len(errors.splitlines()), [*here.iterdir()]) == (2, 1, [])
    assert "\\n" in errors
