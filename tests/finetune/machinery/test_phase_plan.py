"""What a strategy says of its phases, and what is trained by it."""

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from lepton.config.check import check
from lepton.config.compose import compose
from lepton.errors import ConfigError
from lepton.finetune.full import Full
from lepton.finetune.machinery.phase_plan import HeadPlan, PairPlan, PhasePlan, plans_of
from lepton.method import Method
from lepton.storage.results import read_result
from lepton.vectorize.grouping import obstacle_to_stacking
from tests.finetune.conftest import training_overrides

CODE = """
from lepton.finetune.head import Head
from lepton.finetune.last_k import LastBlocks
from lepton.finetune.machinery.freezing import train_all, train_head_only
from lepton.finetune.machinery.phase_plan import HeadPlan, PhasePlan
from lepton.method import Method

class Plain(Method):
    def prepare(self, model, spec):
        return model

class HeadOnRaw(Head):
    probes = True
    def __init__(self):
        super().__init__(start=None, standardize=False, keep=None)

class LastThenAll(LastBlocks):
    def __init__(self):
        super().__init__(k=1, keep="whole")
    def phases(self):
        return [PhasePlan(lr=0.03, epochs=2), PhasePlan(begin=train_all)]

class AllThenHead(Method):
    def phases(self):
        return [PhasePlan(lr=0.03, epochs=2), HeadPlan(begin=train_head_only, standardize=True)]
"""
PLAIN = ("scheduler=none", "optimizer.lr=0.01", "model.dropout=0")
RAW_HEAD = ("finetune=head", "finetune.start=null", "finetune.standardize=false")


@pytest.fixture
def own_strategies(here, monkeypatch):
    """Strategies of a user's own."""
    (here / "own_tuning.py").write_text(CODE)
    folder = here / "conf" / "finetune"
    folder.mkdir(parents=True)
    for name in ("Plain", "HeadOnRaw", "LastThenAll", "AllThenHead"):
        (folder / f"{name}.yaml").write_text(f"# Own.\n_target_: own_tuning.{name}\n")
    monkeypatch.delitem(sys.modules, "own_tuning", raising=False)
    monkeypatch.syspath_prepend(str(here))
    monkeypatch.setenv("LEPTON_ALLOW", "own_tuning")


def weights(folder: Path):
    return load_file(folder / "model.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("strategy", "first", "second"),
    [
        ("LastThenAll", ("finetune=last_k", "finetune.keep=whole"), ("finetune=full",)),
        ("AllThenHead", ("finetune=full",), ("finetune=head", "finetune.start=null")),
    ],
)
def test_the_phases_of_an_own_strategy_are_the_trainings_that_it_plans(
    strategy, first, second, own_strategies, run, pretrained
):
    words = (*training_overrides("mlp", other=True), *PLAIN, "regularization=none")
    start = (f"init_from={pretrained()}", "dataset.classes=3")
    planned = run(*words, *start, f"finetune={strategy}", "study=planned")
    at_first = ("optimizer.lr=0.03", "trainer.max_epochs=2", "study=first")
    part = run(*words, *start, *first, *at_first)
    by_hand = run(*words, *start, *second, f"init_from={part}", "study=second")
    results = [read_result(folder) for folder in (part, by_hand, planned)]
    assert [result.best_epoch for result in results] == [1, 2, 4], "each phase moves the weights"
    assert results[2].metrics == results[1].metrics
    expected = weights(by_hand)
    for name, tensor in weights(planned).items():
        assert torch.equal(tensor, expected[name]), name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("strategy", "words"), [("Plain", ("finetune=full",)), ("HeadOnRaw", RAW_HEAD)]
)
def test_an_own_strategy_that_says_nothing_of_phases_has_one(
    strategy, words, own_strategies, run, pretrained
):
    common = (*training_overrides("mlp", other=True), *PLAIN, f"init_from={pretrained()}")
    own = run(*common, f"finetune={strategy}", "regularization=none")
    expected = weights(run(*common, *words, "regularization=none"))
    assert weights(own).keys() == expected.keys()
    for name, tensor in weights(own).items():
        assert torch.equal(tensor, expected[name]), name


@pytest.mark.slow
def test_a_run_in_phases_of_its_own_shares_no_stack(own_strategies, pretrained):
    words = (*training_overrides("mlp", other=True), f"init_from={pretrained()}")
    told = {
        name: obstacle_to_stacking(check(compose(*words, f"finetune={name}")))
        for name in ("Plain", "LastThenAll")
    }
    assert told == {
        "Plain": None,
        "LastThenAll": "finetune=LastThenAll trains in phases of its own",
    }


class Planning(Method):
    """A strategy that says what it is given."""

    def __init__(self, *plans, **attributes):
        self.plans = plans
        vars(self).update(attributes)

    def phases(self):
        return self.plans


def test_a_strategy_that_says_nothing_has_a_phase_of_the_network_or_of_the_head():
    for strategy in (Method(), Full(), Planning()):
        assert plans_of(strategy) == (PhasePlan(),)
    for begin, with_probe in (("zeros", False), ("probe", True), (None, False)):
        probing = Planning(probes=True, standardize=False, start=begin)
        assert plans_of(probing) == (HeadPlan(standardize=False, begins_with_probe=with_probe),)
    with pytest.raises(ConfigError, match="Planning probes and has no `standardize`"):
        plans_of(Planning(probes=True))


def test_a_strategy_that_probes_has_phases_of_the_head_alone_and_no_others():
    head, pairs = HeadPlan(standardize=True), PairPlan(rounds=1, batch_size=8)
    assert plans_of(Planning(head, head, probes=True)) == (head, head)
    assert plans_of(Planning(pairs, head)) == (pairs, head)
    for strategy in (Planning(head), Planning(pairs, head, probes=True)):
        with pytest.raises(ConfigError, match=r"`probes = .*`, which is to be True where all of"):
            plans_of(strategy)
