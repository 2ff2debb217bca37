"""Scripts read the lepton of the checkout that they lie in, whichever one is installed."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

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
