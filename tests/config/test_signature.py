import ast
import importlib
import inspect
import sys

import pytest
import yaml

from lepton.config.annotations import accepts, annotation_text
from lepton.config.options import CONF_DIR
from lepton.config.signature import TargetError, read_signature

P = inspect.Parameter


def targets():
    """Every `_target_` of conf/ that is not Hydra's own."""

    def walk(node):
        if isinstance(node, dict):
            yield from [node["_target_"]] if "_target_" in node else []
            for value in node.values():
                yield from walk(value)

    texts = (path.read_text() for path in sorted(CONF_DIR.rglob("*.yaml")))
    found = {target for text in texts for target in walk(yaml.safe_load(text))}
    return sorted(t for t in found if not t.startswith("hydra_plugins."))


TARGETS = targets()


def reference(target):
    """The object itself, imported, and its parameters by name."""
    module, _, name = target.rpartition(".")
    found = getattr(importlib.import_module(module), name)
    return found, inspect.signature(found).parameters


def test_conf_names_many_targets():
    assert len(TARGETS) > 40


@pytest.mark.parametrize("target", TARGETS)
def test_what_the_source_says_is_what_python_sees(target):
    found, expected = reference(target)
    read = read_signature(target)
    named = {n: p for n, p in expected.items() if p.kind not in (P.VAR_KEYWORD, P.VAR_POSITIONAL)}
    if not any(p.kind is P.VAR_KEYWORD for p in expected.values()):
        assert list(read.parameters) == list(named)
        assert not read.takes_any_key
    assert {n: p.required for n, p in read.parameters.items() if n in named} == {
        n: p.default is P.empty for n, p in named.items()
    }
    assert named.keys() <= read.parameters.keys()
    assert reference(read.origin)[0] is found


@pytest.mark.parametrize("target", [t for t in TARGETS if t.startswith("lepton.model.")])
def test_methods_are_those_that_the_class_or_its_lepton_base_defines(target):
    found, _ = reference(target)
    assert ("fit" in read_signature(target).methods) == hasattr(found, "fit")


@pytest.mark.parametrize(
    "target",
    [
        "torch.nn.Linear",
        "torch.nn.Dropout",
        "torch.optim.SGD",
        "sklearn.preprocessing.RobustScaler",
    ],
)
def test_names_that_a_package_takes_from_its_modules_are_followed(target):
    found, expected = reference(target)
    assert reference(read_signature(target).origin)[0] is found
    assert list(read_signature(target).parameters) == list(expected)


def test_nothing_is_imported(here, monkeypatch):
    (here / "loud.py").write_text("print('loud')\n1 / 0\ndef f(*, a: int): ...\n")
    monkeypatch.syspath_prepend(str(here))
    assert list(read_signature("loud.f").parameters) == ["a"]
    assert "loud" not in sys.modules


@pytest.fixture
def source(here, monkeypatch):
    """The signature of `name` in a module of the text given, both read and as Python has it."""
    count = iter(range(100))

    def source(text, name="Target"):
        module = f"written_{here.name}_{next(count)}".replace("-", "_")
        (here / f"{module}.py").write_text(text.replace("SELF", module))
        importlib.invalidate_caches()
        monkeypatch.syspath_prepend(str(here))
        return read_signature(f"{module}.{name}"), reference(f"{module}.{name}")[1]

    return source


BASE = """
class Base:
    def __init__(self, a: int, *, b: float = 1.0): ...
    def fit(self): ...
"""


@pytest.mark.parametrize(
    "text",
    [
        "def Target(a, b=1, /, c=2, *, d, e=3): ...",
        "def Target(*, a: int, b: 'str | None'): ...",
        "class Target:\n    def __init__(self, *, a: int, b=2): ...",
        "class Target: ...",
        BASE + "class Target(Base): ...",
        BASE + "class Target(Base):\n    def fit(self, x): ...",
        BASE + "class Target(Base):\n    def __init__(self, *, c): super().__init__(1)",
        "def Target(*, a): ...\ndef Target(*, b): ...",
        "class Target:\n    def __init__(self, *, a): ...\n"
        "class Target:\n    def __init__(self, *, b): ...",
        "from typing import overload\n"
        "class Target:\n"
        "    @overload\n    def __init__(self, a: int) -> None: ...\n"
        "    @overload\n    def __init__(self, a: str, b: int) -> None: ...\n"
        "    def __init__(self, a, b=None): ...",
        "from dataclasses import dataclass\n"
        "@dataclass\nclass Target:\n    a: int\n    b: float = 1.0\n",
        "from dataclasses import dataclass\n"
        "@dataclass(kw_only=True, frozen=True)\nclass Target:\n    a: int\n    b: str\n",
        "from dataclasses import dataclass\n"
        "@dataclass\nclass Base:\n    a: int\n"
        "@dataclass\nclass Target(Base):\n    b: str\n",
    ],
)
def test_a_users_source_is_read_as_python_reads_it(source, text):
    read, expected = source(text)
    if read.takes_any_key:
        pytest.fail(f"taken for open: {read}")
    assert {n: p.required for n, p in read.parameters.items()} == {
        n: p.default is P.empty for n, p in expected.items()
    }


@pytest.mark.parametrize(
    ("text", "known", "opened"),
    [
        (
            BASE + "class Target(Base):\n"
            "    def __init__(self, *, c, **kwargs): super().__init__(**kwargs)",
            ["a", "b", "c"],
            False,
        ),
        (
            BASE + "class Target(Base):\n    def __init__(self, *, c, **kw): self.kw = kw",
            ["c"],
            True,
        ),
        ("def Target(*, c, **kw): ...", ["c"], True),
        ("from nowhere import Base\nclass Target(Base): ...", [], True),
        ("import nowhere\nclass Target(nowhere.Base): ...", [], True),
    ],
)
def test_further_keywords_are_those_of_the_base_class_or_any(
    here, monkeypatch, text, known, opened
):
    (here / "wide.py").write_text(text)
    monkeypatch.syspath_prepend(str(here))
    read_signature.cache_clear()
    from lepton.config import signature as module

    module._bindings.cache_clear()
    read = read_signature("wide.Target")
    assert (sorted(read.parameters), read.takes_any_key) == (known, opened)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere.Net", "no module 'nowhere'"),
        ("torch", "is a module"),
        ("torch.nn", "is a module"),
        ("torch.nn.Nothing", "defines no class or function 'Nothing'"),
        ("torch.nn.functional.torch.hub.load", "only imports 'torch'"),
        ("math.sqrt", "no Python source for 'math'"),
        ("builtins.eval", "no module 'builtins'"),
        ("lepton.model.mlp.MLP.forward", "defines no class or function 'MLP.forward'"),
        ("", "no module ''"),
        (".", "no module ''"),
        ("os..system", ""),
    ],
)
def test_a_name_that_leads_nowhere_is_told(name, said):
    with pytest.raises(TargetError) as e:
        read_signature(name)
    assert said in str(e.value)


def fits(annotation, value):
    return accepts(ast.parse(annotation, mode="eval").body, value)


@pytest.mark.parametrize(
    ("annotation", "right", "wrong"),
    [
        ("int", [0, -3], [1.0, "1", True, None, [1], {}]),
        ("float", [0, 1.5, float("inf")], ["1", True, None, [1.0]]),
        ("bool", [True, False], [0, 1, "true", None]),
        ("str", ["", "a"], [1, None, True, ["a"]]),
        ("None", [None], [0, "", False, "None"]),
        ("int | None", [1, None], [1.0, "1", False]),
        ("int | str | None", [1, "a", None], [1.5, True, []]),
        ("Optional[int]", [1, None], [1.5, "1"]),
        ("Union[int, str]", [1, "a"], [1.5, None]),
        ("Union[float, Tensor]", [1.5, 1], ["1", None]),
        ("float | Tensor", [1.5], ["1"]),
        ("Optional[Union[float, Tensor]]", [1.5, None], ["1"]),
        ("Literal['a', 'b']", ["a", "b"], ["c", 1, None]),
        ("Literal['a']", ["a"], ["b"]),
        ("Literal['a', 'b'] | None", ["a", None], ["c"]),
        ("list", [[], [1]], ["a", {}, 1, None]),
        ("list[int]", [[], [1]], [["a"], [1.5], 1, {}]),
        ("list[list[int]]", [[[1]]], [[1]]),
        ("list[int] | int", [1, [1]], ["a", ["a"]]),
        ("dict", [{}, {"a": 1}], [[], "a", None]),
        ("dict[str, int]", [{}, {"a": 1}], [[1], 3]),
        ("tuple[float, float]", [[1, 2]], [[1], [1, 2, 3], 1.0, ["a", 1]]),
        ("tuple[int, ...]", [[], [1, 2, 3]], [1, ["a"]]),
        ("'int | None'", [1, None], ["1"]),
        ("'list[int]'", [[1]], [["a"]]),
        ("Path", ["a", 1, None], []),
        ("Path | None", ["a", None], []),
        ("Any | None", ["a", 1, None], []),
        ("int | Any", ["a", 1, None], []),
        ("Callable[[int], int]", ["a", 1], []),
    ],
)
def test_a_value_fits_its_annotation_or_does_not(annotation, right, wrong):
    assert [fits(annotation, value) for value in right] == [True] * len(right)
    assert [fits(annotation, value) for value in wrong] == [False] * len(wrong)


def test_without_an_annotation_anything_fits():
    assert accepts(None, object())


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        ("int", "int"),
        ("int | None", "int or null"),
        ("Optional[int]", "int or null"),
        ("Optional[Union[float, Tensor]]", "float or null"),
        ("Union[float, Tensor]", "float"),
        ("Literal['a', 'b']", "one of a, b"),
        ("Literal['a', 'b'] | None", "one of a, b or null"),
        ("Literal[1]", "one of 1"),
        ("list[int]", "list[int]"),
        ("tuple[Union[float, Tensor], float]", "[float, float]"),
        ("'int | None'", "int or null"),
    ],
)
def test_an_annotation_is_said_in_words(annotation, words):
    assert annotation_text(ast.parse(annotation, mode="eval").body) == words
