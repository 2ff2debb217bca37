"""A group of the user's own: a folder of methods in their conf/, of which lepton knows nothing."""

import sys
from pathlib import Path

import pytest
import torch

from lepton import allow, compose, load, train
from lepton.analysis.grouping import chosen_groups, varying_settings
from lepton.config.check import check
from lepton.config.identity import run_id
from lepton.config.listing import describe_options
from lepton.errors import ConfigError
from lepton.storage.columns import COLUMN_TYPES
from lepton.storage.earlier_values import OTHER_COLUMNS
from lepton.sweep.multirun import multirun

CODE = """
import torch
from lepton.method import Method

class Noise(Method):
    stackable = ("scale",)
    def __init__(self, *, scale: float):
        self.scale = scale
    def on_batch(self, batch):
        return {**batch, "num": batch["num"] * (1 + self.scale)}

class Louder(Noise):
    pass

class NoMethod:
    def __init__(self, *, scale: float):
        pass
"""
FILES = {
    "noise/gauss": "# Louder.\ngauss:\n  _target_: loudness.Noise\n  scale: 0.5  # share added\n",
    "noise/loud": "# Very loud.\nloud:\n  _target_: loudness.Louder\n  scale: 2.0  # share added\n",
    "noise/none": "# As it is.\n{}\n",
    "flat/only": "# One at a time.\n_target_: loudness.Noise\nscale: 0.25  # share added\n",
    "wrong/net": "# No method.\n_target_: loudness.NoMethod\nscale: 0.25\n",
    "wrong/plain": "# No target.\nscale: 0.25\n",
    "wrong/torch": "# Not trusted here.\n_target_: torch.nn.Dropout\np: 0.5\n",
}
SMALL = ("dataset=wine", "model=mlp_small", "trainer=cpu", "trainer.max_epochs=2")


@pytest.fixture
def mine(here, monkeypatch):
    """Methods of a user's own, in groups that lepton does not know."""
    (here / "loudness.py").write_text(CODE)
    for name, text in FILES.items():
        path = here / "conf" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.delitem(sys.modules, "loudness", raising=False)
    monkeypatch.syspath_prepend(str(here))
    monkeypatch.setenv("LEPTON_ALLOW", "loudness")


def checked(*overrides):
    return check(compose(*SMALL, *overrides))


def problems(*overrides):
    with pytest.raises(ConfigError) as e:
        checked(*overrides)
    return list(e.value.problems)


def test_its_options_are_listed_as_those_of_lepton(mine):
    assert "noise\n  gauss  Louder.\n" in describe_options("noise")
    assert "share added" in describe_options("flat/only")


@pytest.mark.slow
def test_one_that_nothing_was_chosen_of_changes_no_id(mine):
    assert run_id(checked("noise=none")) == run_id(checked())
    assert "noise" not in checked()


@pytest.mark.slow
def test_what_is_chosen_of_it_changes_the_id_and_so_do_its_keys(mine):
    options = [(), ("noise=gauss",), ("noise=loud",), ("flat=only",), ("noise=[gauss,loud]",)]
    options += [("noise=gauss", "noise.gauss.scale=0.1"), ("flat=only", "flat.scale=0.1")]
    assert len({run_id(checked(*words)) for words in options}) == len(options)
    assert checked("noise=[loud,gauss]")["choices"]["noise"] == "gauss+loud"


def test_its_methods_train_in_the_order_of_names_after_those_of_lepton(mine):
    from lepton import build

    config = checked("noise=[loud,gauss]", "flat=only", "regularization=l1")
    names = [type(method).__name__ for method in build.methods(config)]
    assert names == ["L1", "Noise", "Noise", "Louder", "EarlyStopping"]
    assert [method.scale for method in build.methods(config)[1:4]] == [0.25, 0.5, 2.0]


@pytest.mark.slow
def test_a_sweep_over_it_stacks_and_is_compared_as_a_setting(mine):
    launcher = ("hydra/launcher=vectorized", "hydra.launcher.size=2", "seed=0,1")
    multirun([*SMALL, *launcher, "noise=none,gauss", "study=s"])
    frame = load("s")
    assert sorted(frame["noise"]) == ["gauss", "gauss", "none", "none"]
    assert set(frame["trained"]) == {"stack of 2"}
    assert varying_settings(frame, chosen_groups(frame)) == ["noise"]


@pytest.mark.slow
def test_keys_that_differ_between_runs_share_a_stack_and_runs_without_the_group_are_none(mine):
    train(compose(*SMALL, "study=s"))
    sweep = ["noise=gauss", "noise.gauss.scale=0.1,0.2", "hydra/launcher=vectorized"]
    multirun([*SMALL, *sweep, "study=s"])
    frame = load("s")
    assert sorted(frame["noise"]) == ["gauss", "gauss", "none"]
    assert varying_settings(frame, chosen_groups(frame)) == ["noise", "noise.gauss.scale"]


@pytest.mark.slow
def test_a_finished_run_with_it_loads_and_counts_as_finished(mine):
    from lepton import load_model

    run = train(compose(*SMALL, "noise=gauss")).run
    assert train(compose(*SMALL, "noise=gauss")).run == run
    assert load_model(Path("runs", "default", run)).spec.outputs == 3


@pytest.mark.slow
def test_a_model_that_fits_itself_does_not_heed_it(mine):
    alone = ("dataset=wine", "model=gradient_boosting")
    config = check(compose(*alone, "noise=gauss"))
    assert "noise" not in config
    assert run_id(config) == run_id(check(compose(*alone)))


@pytest.mark.parametrize(
    ("override", "line"),
    [
        (
            "wrong=net",
            "wrong._target_: 'loudness.NoMethod' is no method; one is derived f",
        ),
        ("wrong=plain", "wrong: wrong=plain is no method; a file of your own group needs a _t"),
        ("wrong=torch", "wrong._target_: 'torch.nn.Dropout' is n"),
        ("noise=gaus", "noise=gaus: no such option; did you mean 'gauss'?"),
        ("noise.gauss.scale=1", "noise: lepton train has no such key"),
        ("flat=[only]", "flat=[only]: flat takes one option"),
        ("noise=[]", "noise=[]: chooses nothing; write noise=none"),
    ],
)
def test_what_is_no_method_and_what_is_not_there_is_refused_in_one_line(mine, override, line):
    (problem,) = problems(override)
    assert problem.startswith(line)


def test_wrong_keys_are_told_with_their_option(mine):
    assert problems("noise=gauss", "noise.gauss.scal=1") == [
        "noise.gauss.scal: noise=gauss has no such key; did you mean 'scale'?"
    ]


def test_its_package_must_be_allowed_as_any_other(mine, monkeypatch):
    monkeypatch.setenv("LEPTON_ALLOW", "")
    (line,) = problems("noise=gauss")
    assert line.endswith(
        "'loudness.Noise' is not in a trusted package; if you trust it, --allow loudness"
    )
    allow("loudness")
    assert checked("noise=gauss")


def test_no_column_of_every_study_is_taken_for_a_group():
    assert {*COLUMN_TYPES} <= OTHER_COLUMNS


@pytest.mark.slow
def test_the_method_changes_what_is_trained(mine):
    first, second = (train(compose(*SMALL, *words)) for words in ((), ("noise=loud",)))
    assert first.metrics != second.metrics
    assert torch.isfinite(torch.tensor(second.score))
