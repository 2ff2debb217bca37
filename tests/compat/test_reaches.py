"""Private parts of other libraries are reached in lepton/compat/ alone, and each says what for."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import lepton

ROOT = Path(lepton.__file__).parent
COMPAT = sorted((ROOT / "compat").glob("[!_]*.py"))
OTHER_MODULES = sorted(path for path in ROOT.rglob("*.py") if path not in COMPAT)
IMPORTED_IN_COMPAT = {"pytorch_lightning", "lightning_fabric", "torchmetrics"}
PYTHONS_OWN = {"__class__", "__code__", "__dict__", "__globals__", "__spec__"}  # not to be changed
PUBLIC = {"_", "_target_"}  # a key of Hydra's


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in PUBLIC


def is_own(value: ast.expr) -> bool:
    """True for `self`, `cls` and `super()`, whose private attributes are a class's own."""
    return ast.unparse(value) in ("self", "cls", "super()")


def reaches(tree: ast.AST) -> Iterator[str]:
    """The private names of other libraries that a module takes, and what it changes of Python's.

    Names that only annotations need are imported by no process.
    """
    for node in walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.module.startswith("lepton."):
            yield from imported([node.module])
            yield from (alias.name for alias in node.names if is_private(alias.name))
        elif isinstance(node, ast.Import):
            yield from imported([alias.name for alias in node.names])
        elif isinstance(node, ast.Attribute):
            is_private_of_others = is_private(node.attr) and not is_own(node.value)
            if (
                is_private_of_others
                or node.attr == "__code__"
                or (is_changed(node) and node.attr in PYTHONS_OWN)
            ):
                yield ast.unparse(node)
        elif isinstance(node, ast.Subscript) and is_changed(node):
            yield from {ast.unparse(node)} if ast.unparse(node.value) == "sys.modules" else ()


def is_changed(node: ast.Attribute | ast.Subscript) -> bool:
    return isinstance(node.ctx, ast.Store | ast.Del)


def walk(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those under TYPE_CHECKING."""
    if isinstance(tree, ast.If) and ast.unparse(tree.test) == "TYPE_CHECKING":
        return
    yield tree
    for node in ast.iter_child_nodes(tree):
        yield from walk(node)


def imported(modules: list[str]) -> Iterator[str]:
    for names in (module.split(".") for module in modules):
        if names[0] in IMPORTED_IN_COMPAT or any(is_private(name) for name in names):
            yield ".".join(names)


@pytest.mark.parametrize(
    ("code", "reach"),
    [
        ("import pytorch_lightning as pl", "pytorch_lightning"),
        ("from hydra._internal.hydra import Hydra", "hydra._internal.hydra"),
        ("from torch.nn.modules.batchnorm import _NormBase", "_NormBase"),
        ("torch._fused_adam_(p)", "torch._fused_adam_"),
        ("f(stopper)._evaluate(1)", "f(stopper)._evaluate"),
        ("layer.__class__, layer.p = Dropout, 1", "layer.__class__"),
        ("step.__code__.co_varnames", "step.__code__"),
        ("sys.modules['a'] = None", "sys.modules['a']"),
        ("del sys.modules['a']", "sys.modules['a']"),
        ("self._own = super()._own + cls._own; _ = type(x).__name__; cfg._target_", None),
        ("if TYPE_CHECKING:\n    from pytorch_lightning.loggers import Logger", None),
        ("from lepton.a import _b; from __future__ import annotations", None),
    ],
)
def test_a_reach_is_seen(code, reach):
    assert list(reaches(ast.parse(code))) == ([reach] if reach else [])


def test_no_module_but_those_of_compat_reaches_into_another_library():
    assert len(COMPAT) >= 9
    assert len(OTHER_MODULES) > 250
    misplaced = [
        f"{path.relative_to(ROOT.parent)}: {name}"
        for path in OTHER_MODULES
        for name in reaches(ast.parse(path.read_text()))
    ]
    assert not misplaced, "\n".join(["to lepton/compat/ belong:", *misplaced])


@pytest.mark.parametrize("path", COMPAT, ids=lambda path: path.stem)
def test_each_reach_says_which_public_way_is_missing_and_where_it_was_tried(path):
    tree = ast.parse(path.read_text())
    silent = []
    for number, node in enumerate(tree.body):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and list(reaches(node)):
            docstring = ast.get_docstring(node) or ""
        elif isinstance(node, ast.Assign) and list(reaches(node)):
            next_node = tree.body[number + 1]
            docstring = ast.unparse(next_node) if isinstance(next_node, ast.Expr) else ""
        else:
            continue
        if not node_is_private(node) and not (
            "No public way:" in docstring and "Tried:" in docstring
        ):
            silent.append(ast.unparse(node).splitlines()[0])
    assert not silent, f"{path.name}: {silent}"


def node_is_private(node: ast.stmt) -> bool:
    """True for helpers of a reach in the same file, whose caller says it."""
    return getattr(node, "name", "").startswith("_")


def test_every_library_with_reaches_has_canaries():
    without = {"optional", "__init__"}  # reaches into no library
    tests = {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")}
    assert {path.stem for path in COMPAT} - without <= tests
