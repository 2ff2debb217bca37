import importlib
import inspect
import sys

import pytest
import yaml

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
    names = {name for text in texts for name in walk(yaml.safe_load(text))}
    return sorted(name for name in names if not name.startswith("hydra_plugins."))


TARGETS = targets()


def reference(target):
    """The object itself, imported, and its parameters by name."""
    module, _, name = target.rpartition(".")
    target_object = getattr(importlib.import_module(module), name)
    return target_object, inspect.signature(target_object).parameters


def test_conf_names_many_targets():
    assert len(TARGETS) > 40


@pytest.mark.parametrize("target", TARGETS)
def test_what_the_source_says_is_what_python_sees(target):
    target_object, expected = reference(target)
    read = read_signature(target)
    named = {n: p for n, p in expected.items() if p.kind not in (P.VAR_KEYWORD, P.VAR_POSITIONAL)}
    if not any(p.kind is P.VAR_KEYWORD for p in expected.values()):
        assert list(read.parameters) == list(named)
        assert not read.takes_any_key
    assert {n: p.required for n, p in read.parameters.items() if n in named} == {
        n: p.default is P.empty for n, p in named.items()
    }
    assert named.keys() <= read.parameters.keys()
    assert reference(read.origin)[0] is target_object


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
    target_object, expected = reference(target)
    assert reference(read_signature(target).origin)[0] is target_object
    assert list(read_signature(target).parameters) == list(expected)


def test_nothing_is_imported(here, monkeypatch):
    (here / "read_only_as_text.py").write_text("print('loud')\n1 / 0\ndef f(*, a: int): ...\n")
    monkeypatch.syspath_prepend(str(here))
    assert list(read_signature("read_only_as_text.f").parameters) == ["a"]
    assert "read_only_as_text" not in sys.modules


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
        BASE + "Target = Base",
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
    ("text", "keys", "opened"),
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
def test_further_keywords_are_those_of_the_base_class_or_any(here, monkeypatch, text, keys, opened):
    (here / "wide.py").write_text(text)
    monkeypatch.syspath_prepend(str(here))
    read_signature.cache_clear()
    from lepton.config import signature as module

    module._bindings.cache_clear()
    read = read_signature("wide.Target")
    assert (sorted(read.parameters), read.takes_any_key) == (keys, opened)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.Net", "no module 'nowhere'"),
        ("torch", "is a module"),
        ("torch.nn", "is a module"),
        ("torch.nn.Nothing", "defines no class or function 'Nothing'"),
        ("torch.nn.functional.torch.hub.load", "only imports 'torch'"),
        ("math.sqrt", "no Python source for 'math'"),
        ("builtins.eval", "no Python source for 'builtins'"),
        ("lepton.model.mlp.MLP.forward", "defines no class or function 'MLP.forward'"),
        ("", "no module ''"),
        (".", "no module ''"),
        ("os..system", ""),
    ],
)
def test_a_name_that_leads_nowhere_is_told(name, message):
    with pytest.raises(TargetError) as e:
        read_signature(name)
    assert message in str(e.value)
