"""What the classes of options say of themselves decides what they can be combined with."""

import importlib
import sys

import pytest

from lepton.config.check import check
from lepton.config.class_facts import class_fact
from lepton.config.compose import compose
from lepton.errors import ConfigError
from lepton.finetune.gradual_unfreeze import GradualUnfreeze
from lepton.method import Method
from lepton.optimizer.said_for_others import SAID_FOR_OTHERS

CODE = """
import schedulefree
import torch
from lepton.method import Method
from lepton.regularization.l1 import L1

class Base(Method):
    def __init__(self, *, scale: float):
        self.scale = scale

class Whole(Base):
    needs_whole_weights = True

class Inherits(Whole):
    pass

class Mixed(Base, L1):
    pass

class Shared(Whole):
    needs_whole_weights = False

class Average(Base):
    averages_weights = True

class Thaw(Base):
    leaves_weights_unused: bool = True

class Factored(torch.optim.Adafactor):
    pass

class Slow(torch.optim.SGD):
    def __init__(self, params, *, lr: float, fused: bool):
        super().__init__(params, lr=lr / 10, fused=fused)

class Free(torch.optim.SGD):
    is_schedule_free = True
    def __init__(self, params, *, lr: float):
        super().__init__(params, lr=lr)

class FreeToo(schedulefree.AdamWScheduleFree):
    def __init__(self, params, *, lr: float):
        super().__init__(params, lr=lr)
"""
SMALL = ("dataset=synthetic", "model=mlp_small")
FSDP = ("trainer=fsdp", "trainer.devices=2", "trainer.accelerator=cpu")
DDP = ("trainer=ddp", "trainer.devices=2", "trainer.accelerator=cpu")


@pytest.fixture
def told(here, monkeypatch):
    """The lines of `check` for a config with classes of the user's own."""
    (here / "saying.py").write_text(CODE)
    for name in ("Whole", "Inherits", "Mixed", "Shared", "Average", "Thaw"):
        path = here / "conf" / "noise" / f"{name.lower()}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# Own.\n{name.lower()}:\n  _target_: saying.{name}\n  scale: 0.5\n")
    (here / "conf" / "optimizer").mkdir()
    for name, fused in (("Slow", "fused: true\n"), ("Free", ""), ("FreeToo", "")):
        path = here / "conf" / "optimizer" / f"{name.lower()}.yaml"
        path.write_text(f"# Own.\n_target_: saying.{name}\nlr: 0.1\n{fused}")
    monkeypatch.delitem(sys.modules, "saying", raising=False)
    monkeypatch.syspath_prepend(str(here))
    monkeypatch.setenv("LEPTON_ALLOW", "saying")

    def told(*overrides):
        try:
            check(compose(*SMALL, *overrides))
        except ConfigError as e:
            return list(e.problems)
        return []

    return told


def whole(name):
    return [
        "trainer.strategy: fsdp gives each device a share of the weights, and "
        f"{name} needs them whole; take another, or trainer=ddp"
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Whole", "Inherits", "Mixed"])
def test_an_own_method_that_needs_whole_weights_is_refused_where_devices_share_them(told, name):
    option = f"noise={name.lower()}"
    assert told(*FSDP, option) == whole(name)
    assert told(*DDP, option) == []


def test_an_own_method_may_say_that_it_does_without_what_its_base_needs(told):
    assert told(*FSDP, "noise=shared") == []


@pytest.mark.slow
def test_a_subclass_of_another_packages_class_is_what_that_is(told):
    assert class_fact({"_target_": "saying.Factored"}, "needs_whole_weights")
    assert told(*FSDP, "optimizer=slow") == [
        "optimizer.fused: fsdp has no fused Slow for shares of weights; optimizer.fused=false"
    ]
    assert told(*FSDP, "optimizer=slow", "optimizer.fused=false") == []


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["free", "freetoo", "schedule_free_adamw"])
def test_a_method_that_averages_weights_is_refused_with_a_schedule_free_optimizer(told, optimizer):
    line = (
        "optimizer, noise: a schedule-free optimizer averages the weights itself; leave out "
        "average or use another optimizer"
    )
    assert told(f"optimizer={optimizer}", "noise=average") == [line]
    assert told("noise=average") == []
    assert told(f"optimizer={optimizer}", "noise=whole") == []
    (line,) = told(f"optimizer={optimizer}", "scheduler=cosine")
    assert line.startswith("optimizer, scheduler: a schedule-free optimizer takes the place")


def test_an_own_method_that_leaves_weights_unused_needs_a_strategy_that_finds_them(told):
    assert told(*DDP, "noise=thaw") == [
        "trainer.strategy: noise=thaw leaves weights out; "
        "trainer.strategy=ddp_find_unused_parameters_true"
    ]
    assert told(*DDP, "noise=thaw", "trainer.strategy=ddp_find_unused_parameters_true") == []


def test_a_class_that_says_nothing_and_one_that_is_not_there_have_no_facts():
    assert class_fact({}, "needs_whole_weights") is None
    assert class_fact({"_target_": "nowhere.Net"}, "needs_whole_weights") is None
    assert class_fact({"_target_": "torch.optim.AdamW"}, "needs_whole_weights") is None
    assert class_fact({"_target_": "lepton.regularization.ema.EMA"}, "needs_whole_weights") is False


def test_what_source_says_is_what_the_classes_have():
    for target in ("lepton.finetune.prompt.Prompt", "lepton.regularization.l1.L1"):
        assert class_fact({"_target_": target}, "needs_whole_weights") is True
    assert (Method.needs_whole_weights, Method.averages_weights) == (False, False)
    assert GradualUnfreeze.leaves_weights_unused is True


def test_the_table_for_others_names_classes_and_packages_that_are_there():
    for name in SAID_FOR_OTHERS:
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute or "__path__")
