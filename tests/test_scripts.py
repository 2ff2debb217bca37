"""Scripts read the lepton of the checkout that they lie in, whichever one is installed."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

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


STARTING = [p for p in sorted(ROOT.glob("scripts/*.py")) if '"-m", "lepton"' in p.read_text()]


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
