"""Objects inside an option: a `_target_` stands where a parameter is annotated with a class."""

import sys

import pytest
from omegaconf import OmegaConf

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.errors import ConfigError

CODE = """
from typing import Any, Protocol
from collections.abc import Sequence
import torch
from torch import nn

class Block(Protocol):
    def __call__(self, rows): ...

class Net(nn.Module):
    def __init__(self, *, spec, block: Block | None, blocks: Sequence[nn.Module],
                 named: "dict[str, nn.Module]", width: int, widths: list[int], loose: Any,
                 settings: dict, bare=None, **others):
        super().__init__()
        self.block, self.blocks, self.named = block, blocks, named
"""
VALUES = {
    **{"block": None, "blocks": [], "named": {}, "width": 3, "widths": [3]},
    **{"loose": 1, "settings": {}},
}
DROPOUT = {"_target_": "torch.nn.Dropout", "p": 0.5, "inplace": False}


@pytest.fixture
def node(here, monkeypatch):
    """A node of a user's own model with further values."""
    (here / "nesting.py").write_text(CODE)
    monkeypatch.delitem(sys.modules, "nesting", raising=False)
    monkeypatch.syspath_prepend(str(here))
    monkeypatch.setenv("LEPTON_ALLOW", "nesting")
    return lambda values: {"_target_": "nesting.Net", **VALUES, **values}


@pytest.fixture
def problems(node):
    """What `check` says of the model with further values; building it must refuse what it does."""

    def problems(values):
        cfg = compose("dataset=wine", "model=mlp_small")
        OmegaConf.update(cfg, "model", node(values), merge=False)
        try:
            check(cfg)
        except ConfigError as e:
            with pytest.raises(ConfigError):
                build.instantiate(node(values), "model", spec=None)
            return list(e.problems)
        assert build.instantiate(node(values), "model", spec=None)
        return []

    return problems


@pytest.mark.parametrize(
    "values",
    [
        {"block": DROPOUT},
        {"blocks": [DROPOUT, DROPOUT]},
        {"named": {"a": DROPOUT}},
        {"block": {"_target_": "nesting.Net", "spec": None, **VALUES, "block": DROPOUT}},
    ],
)
def test_an_object_goes_where_a_class_is_wanted(problems, values):
    assert problems(values) == []


PLAIN = "model=mlp_small takes {} here, and no object"
ANY = "model=mlp_small takes no object here; one goes where a parameter is annotated with its class"


@pytest.mark.parametrize(
    ("values", "path", "line"),
    [
        ({"width": DROPOUT}, "width", PLAIN.format("int")),
        ({"widths": DROPOUT}, "widths", PLAIN.format("list[int]")),
        ({"blocks": DROPOUT}, "blocks", PLAIN.format("Sequence[nn.Module]")),
        ({"settings": DROPOUT}, "settings", PLAIN.format("dict")),
        ({"settings": {"a": [DROPOUT]}}, "settings.a.0", ANY),
        ({"loose": DROPOUT}, "loose", ANY),
        ({"loose": [DROPOUT]}, "loose.0", ANY),
        ({"bare": DROPOUT}, "bare", ANY),
        ({"others": DROPOUT}, "others", ANY),
        ({"anything": DROPOUT}, "anything", ANY),
        ({"block": {**DROPOUT, "p": DROPOUT}}, "block.p", PLAIN.format("float")),
    ],
)
def test_no_object_goes_where_none_is_wanted(problems, values, path, line):
    assert problems(values) == [f"model.{path}._target_: {line}"]


def test_an_item_of_a_plain_list_is_no_object(problems):
    (value, target) = problems({"widths": [DROPOUT]})
    assert value.startswith("model.widths: [{'_target_'")
    assert target == f"model.widths.0._target_: {PLAIN.format('int')}"


def test_an_object_is_of_a_package_that_its_group_trusts(problems):
    sgd = {"_target_": "torch.optim.SGD"}
    (line,) = problems({"block": sgd})
    assert line.startswith(
        "model.block._target_: 'torch.optim.SGD' is no target of model, but of optimizer; model "
        "takes lepton.model.*, torch.nn.*, lepton.tokenizer.*, lepton.audio.*; "
    )


@pytest.mark.slow
def test_objects_where_none_is_wanted_are_told_at_every_depth(problems):
    lines = problems({"width": {**DROPOUT, "p": {"_target_": "os.system"}}})
    assert [line.partition(": ")[0] for line in lines] == [
        "model.width._target_",
        "model.width.p._target_",
    ]


def test_a_models_tokenizer_is_an_object_whatever_its_class_says(here, node, problems):
    tokenizer = {"_target_": "lepton.tokenizer.trained.Trained", "vocabulary": 100}
    tokenizer |= {"min_frequency": 1, "lowercase": True, "max_length": 16}
    assert problems({"tokenizer": tokenizer}) == []
    (line,) = problems({"loose": tokenizer})
    assert line == f"model.loose._target_: {ANY}"


@pytest.mark.parametrize("model", ["bag_of_embeddings", "text_cnn", "transformer_tiny"])
def test_the_tokenizer_of_a_shipped_model_is_checked(model):
    cfg = compose("dataset=vader", f"model={model}")
    for target in ("torch.optim.SGD", "os.system", "lepton.dataset.wine.Wine"):
        cfg.model.tokenizer = {"_target_": target}
        with pytest.raises(ConfigError, match=r"^model\.tokenizer\._target_: "):
            check(cfg)
