"""The bases of a class are found in source, however they were imported, as Python finds them."""

import importlib
import re
import sys
from pathlib import Path

import pytest

from lepton.config.lineage import read_lineage

MODELS = {
    target
    for path in (Path(__file__).parents[2] / "conf" / "model").glob("*.yaml")
    for target in re.findall(r"^_target_: (lepton\S+)", path.read_text(), re.MULTILINE)
}
MODULE = """
import pytorch_lightning
import pytorch_lightning as pl
import pytorch_lightning.core.module
from pytorch_lightning import LightningModule
from pytorch_lightning.core.module import LightningModule as LM
from torch import nn

from made.bases import Shared, Generic

try:
    import not_there as other
except ImportError:
    import pytorch_lightning as other


class Full(pytorch_lightning.LightningModule): pass
class Alias(pl.LightningModule):
    def predict_step(self, batch): pass
class Path(pytorch_lightning.core.module.LightningModule): pass
class Name(LightningModule): pass
class Renamed(LM): pass
class Tried(other.LightningModule): pass
class Far(Shared): pass
class Second(dict, Alias): pass
class Mine(Generic[int]): pass
class Layer(nn.Linear): pass
class Plain: pass
class Left(Plain): pass
class Right(Plain): pass
class Diamond(Left, Right): pass
"""
BASES = """
import typing

import pytorch_lightning as L

T = typing.TypeVar("T")


class Shared(L.LightningModule):
    def predict_step(self, batch, batch_idx): pass


class Generic(Shared, typing.Generic[T]): pass
"""
NAMES = [
    "Full",
    "Alias",
    "Path",
    "Name",
    "Renamed",
    "Tried",
    "Far",
    "Second",
    "Mine",
    "Layer",
    "Plain",
]


@pytest.fixture
def made(tmp_path, monkeypatch):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "modules.py").write_text(MODULE)
    (tmp_path / "made" / "bases.py").write_text(BASES)
    (tmp_path / "made" / "__init__.py").write_text("from made.modules import Far as Exported\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    read_lineage.cache_clear()
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "made"]:
        del sys.modules[name]


def test_source_and_python_agree_on_which_classes_are_lightning_modules(made):
    import pytorch_lightning as pl

    module = importlib.import_module("made.modules")
    for name in NAMES:
        is_module = issubclass(getattr(module, name), pl.LightningModule)
        assert read_lineage(f"made.modules.{name}").is_lightning_module == is_module, name
    assert read_lineage("made.Exported").is_lightning_module
    assert read_lineage("lepton.model.mlp.MLP").is_lightning_module is False


def test_a_base_of_several_bases_comes_behind_them_as_in_python(made):
    diamond = importlib.import_module("made.modules").Diamond
    names = tuple(f"made.modules.{c.__name__}" for c in diamond.__mro__ if c is not object)
    assert read_lineage("made.modules.Diamond").classes == names


@pytest.mark.parametrize(
    ("name", "defined"), [("Alias", True), ("Far", True), ("Second", True), ("Name", False)]
)
def test_methods_are_those_of_the_users_classes_not_of_lightnings(name, defined, made):
    lineage = read_lineage(f"made.modules.{name}")
    assert ("predict_step" in lineage.methods) is defined
    assert "training_step" not in lineage.methods


@pytest.mark.parametrize("target", sorted(MODELS))
def test_a_model_that_fits_itself_is_known_whichever_of_its_bases_has_fit(target):
    module, _, name = target.rpartition(".")
    known = getattr(importlib.import_module(module), name)
    for method in ("fit", "fit_whole"):
        assert (method in read_lineage(target).methods) == hasattr(known, method), method


def test_a_module_of_the_package_lightning_is_told_apart(tmp_path, monkeypatch):
    (tmp_path / "apart.py").write_text("import lightning as L\nclass A(L.LightningModule): pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    lineage = read_lineage("apart.A")
    assert lineage.is_of_other_lightning
    assert not lineage.is_lightning_module
