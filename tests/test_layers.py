"""Modules import each other without circles, packages downwards only, and few files lie flat."""

import ast
import functools
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import lepton

ROOT = Path(lepton.__file__).parent
LAYERS = (  # top to bottom: a module may import from its own package and from rows below it
    ("__main__",),
    ("cli", "plugins"),
    ("commands", "testing"),
    ("in_memory",),
    ("adversarial_examples",),
    ("ensemble", "show", "explain", "input_importance", "notebook", "scaffold", "synthesis"),
    ("report",),
    ("launch",),
    ("vectorize",),
    ("sweep",),
    ("rescoring", "batch_prediction"),
    ("predict",),
    ("derived",),
    ("prediction",),
    ("analysis",),
    ("run", "worker"),
    ("evaluation",),
    ("training",),
    ("finetune", "trainer", "logger"),
    ("build",),
    ("adversarial",),
    ("attack",),
    ("regularization", "augmentation"),
    ("example",),
    ("dataset",),
    ("video",),
    ("preprocessing", "tokenizer", "image", "model", "scheduler", "generator"),
    ("audio",),
    ("task", "method"),
    ("config", "evaluate", "loss"),
    ("pretrained", "metric", "stats", "optimizer", "decision"),
    ("spec",),
    ("storage",),
    ("randomness",),
    ("compat",),
    ("errors", "groups", "processes", "seeds", "values"),
    ("foreign_text",),
)
ROW = {package: number for number, row in enumerate(LAYERS) for package in row}
MOST_FLAT = 16
MOST_LINES = 300
FILES = {
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
}


def imported(module: str, tree: ast.AST) -> Iterator[str]:
    """Modules of lepton that a module imports anywhere, but under TYPE_CHECKING."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in FILES)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if inner in FILES:
                    yield inner
                elif node.module in FILES:
                    yield node.module
        else:
            yield from imported(module, node)


@functools.cache
def edges() -> dict[str, set[str]]:
    """What each module imports; read by the tests that ask, as others import this file."""
    return {
        module: set(imported(module, ast.parse(path.read_text()))) - {module, "lepton"}
        for module, path in FILES.items()
    }


def package(module: str) -> str:
    return module.split(".")[1] if "." in module else module


def test_all_of_lepton_is_looked_at():
    assert len(FILES) > 250
    assert sum(map(len, edges().values())) > 700
    assert "lepton.run" in edges()["lepton.sweep.attempt"]  # which is imported inside a function


def test_no_module_imports_itself_by_way_of_others():
    try:
        order = list(TopologicalSorter(edges()).static_order())
    except CycleError as circle:
        pytest.fail(" -> ".join(reversed(circle.args[1])))
    assert len(order) == len(FILES)


def test_packages_import_from_below_alone():
    upward = [
        f"{module} imports {other}"
        for module, others in edges().items()
        for other in sorted(others)
        if module != "lepton" and package(module) != package(other)
        if ROW[package(module)] >= ROW[package(other)]
    ]
    assert not upward, "\n".join(upward)


def test_few_files_lie_flat_and_each_has_its_row():
    flat = {path.stem for path in ROOT.glob("*.py")}
    assert len(flat) < MOST_FLAT
    flat -= {"__init__"}
    folders = {path.name for path in ROOT.iterdir() if any(path.glob("*.py"))}
    assert flat | folders <= set(ROW) | {"plugins"}
    assert {row for row in ROW if not (ROOT / row).exists()} <= flat  # no row of what is gone


def test_a_circle_and_an_upward_arrow_would_be_seen():
    tree = ast.parse("def f():\n    from lepton.cli import main\n    from lepton import run")
    assert set(imported("lepton.errors", tree)) == {"lepton.cli", "lepton.run"}
    tree = ast.parse("if TYPE_CHECKING:\n    from lepton.cli import main")
    assert not list(imported("lepton.errors", tree))


def test_no_file_is_too_long_to_be_read_at_once():
    lengths = {module: len(path.read_text().splitlines()) for module, path in FILES.items()}
    assert not {module: n for module, n in lengths.items() if n > MOST_LINES}
