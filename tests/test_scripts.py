"""Scripts read the lepton of the checkout that they lie in, whichever one is installed."""

import argparse
import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from lepton.config.check import check
from lepton.config.compose import compose
from scripts import finetune_defaults, text_study

COLUMNS = ("status", "finetune", "optimizer.lr", "scheduler.warmup", "dataset.split_seed")
COLUMNS = (*COLUMNS, "batch_size", "trainer.max_epochs")
ROOT = Path(__file__).parents[1]
PATH_LINE = "sys.path.insert(0, "


def imports_of_lepton(tree: ast.AST) -> list[int]:
    """The lines that import lepton, in functions too."""
    modules = [
        (node.lineno, name)
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
        )
    ]
    return [line for line, name in modules if name and name.split(".")[0] == "lepton"]


PROGRAMS = [
    path
    for path in sorted(ROOT.glob("scripts/*.py"))
    if "__main__" in path.read_text() and imports_of_lepton(ast.parse(path.read_text()))
]


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_the_checkout_comes_before_what_is_installed(path):
    text = path.read_text()
    before = text.splitlines()[: min(imports_of_lepton(ast.parse(text)))]
    assert any(line.startswith(PATH_LINE) for line in before)


STARTING = [  # modules of a program start what they start as it does
    path
    for path in sorted(ROOT.glob("scripts/*.py"))
    if '"-m", "lepton"' in (text := path.read_text()) and "__main__" in text
]


@pytest.mark.parametrize("path", STARTING, ids=lambda path: path.stem)
def test_what_a_script_starts_is_of_the_checkout_too(path):
    assert '"PYTHONPATH"' in path.read_text()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--settings", "mpl"], "--settings: mpl: there are boosting, catboost, "),
        (["--references", "TabM"], "--references: TabM: there are RealMLP_TD, TabM_D"),
        (["--tables", "pima,x"], "--tables: x: no table that is kept to choose"),
    ],
)
def test_a_study_of_tables_says_what_there_is(monkeypatch, capsys, words, line):
    from scripts import tabular_study

    monkeypatch.setattr(sys, "argv", ["tabular_study.py", "tables", *words])
    with pytest.raises(SystemExit):
        tabular_study.main()
    assert line in capsys.readouterr().err


def test_how_far_settings_stay_behind_is_counted_by_table_and_of_one_alone_is_nothing():
    from scripts.tabular_study import summary

    scores = pd.DataFrame({"a": [0.5, 0.7, 0.9], "b": [0.8, 0.2, 0.5]}, index=["x", "y", "z"])
    table = summary(scores, scores * 0)
    assert table["behind"].to_dict() == {"x": 0.5, "y": 0.75, "z": 0.25}
    assert table["rank"].to_dict() == {"x": 2.0, "y": 2.5, "z": 1.5}
    assert summary(scores[:1], scores[:1])["behind"].tolist() == [0.0]


@pytest.mark.slow
def test_the_options_are_described_of_the_checkout_and_of_no_other_lepton(tmp_path):
    for name in ("lepton", "conf", "docs", "scripts"):
        shutil.copytree(ROOT / name, tmp_path / "checkout" / name)
    (tmp_path / "other" / "lepton").mkdir(parents=True)
    (tmp_path / "other" / "lepton" / "__init__.py").write_text("raise ValueError('the other')\n")
    page = tmp_path / "checkout" / "docs" / "options.md"
    before = page.read_text()
    page.write_text("")
    script = tmp_path / "checkout" / "scripts" / "build_option_reference.py"
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "other")}
    subprocess.run([sys.executable, script], cwd=tmp_path, env=environment, check=True)
    assert page.read_text() == before


def test_a_study_of_few_texts_has_no_labels_beside_its_shots():
    arguments = argparse.Namespace(shots=16, seeds=2)
    words = text_study.repetitions("minilm+head", arguments)
    kept = [word for word in words if "range" not in word]
    config = check(compose("dataset=vader", "model=minilm", "finetune=head", *kept))
    assert config["dataset"]["validation"] == "inside"


def test_what_measures_defaults_trains_in_the_steps_that_it_is_asked_for(monkeypatch, tmp_path):
    """A single training of each run, whatever the strategy suggests of few rows."""
    commands = []
    monkeypatch.setattr(
        finetune_defaults.subprocess, "run", lambda words, **_: commands.append(words)
    )
    monkeypatch.setattr("lepton.load", lambda _: pd.DataFrame(columns=[*COLUMNS]))
    arguments = argparse.Namespace(
        folder=tmp_path, runs=tmp_path, schedules="6x10", warmups="0.1", draws=1
    )
    finetune_defaults.trained(arguments, "vader", ["full"], (1e-4,), [])
    [command] = commands
    words = [w for w in command[command.index("-m", 3) + 1 :] if "=" in w and "range" not in w]
    words = [w for w in words if not w.startswith(("hydra/", "regularization="))]
    config = check(compose(*words))
    assert (config["dataset"]["validation"], config["min_steps_per_epoch"]) == ("outside", None)
    assert (config["batch_size"], config["trainer"]["max_epochs"]) == (8, 10)
