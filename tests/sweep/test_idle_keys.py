"""What an experiment sets and another option than its own does not take stays out, and is said."""

import pytest

from lepton import compose
from lepton.config.check import check
from lepton.config.identity import run_folder
from lepton.errors import ConfigError
from lepton.sweep.multirun import plan_runs

EXPERIMENTS = {
    "drops": "model:\n  dropout: 0.3\n",
    "misspelled": "model:\n  dropuot: 0.3\n",
    "own": "defaults:\n  - override /model: linear\nmodel:\n  dropout: 0.3\n",
    "tuned": "scheduler:\n  warmup: 3\nregularization:\n  l1:\n    rate: 0.1\n",
    "swept": "hydra:\n  sweeper:\n    params:\n      model.dropout: 0.1,0.2\n      seed: 1,2\n",
}


@pytest.fixture
def experiments(here):
    folder = here / "conf" / "experiment"
    folder.mkdir(parents=True)
    for name, text in EXPERIMENTS.items():
        (folder / f"{name}.yaml").write_text(f"# @package _global_\n# A setting.\n{text}")


def alone(*overrides):
    return run_folder(check(compose("dataset=wine", *overrides)))


def planned(*overrides):
    plan = plan_runs(["dataset=wine", *overrides], sweep=True)
    return [job.folder for job in plan.jobs], str(plan).splitlines()[1:]


@pytest.mark.slow
def test_a_key_applies_where_it_exists_and_it_is_said_where_not(experiments):
    folders, (line,) = planned("experiment=drops", "model=mlp,linear,resnet,tabm")
    assert folders == [
        alone("model=mlp", "model.dropout=0.3"),
        alone("model=linear"),
        alone("model=resnet"),
        alone("model=tabm", "model.dropout=0.3"),
    ]
    assert line == (
        "experiment=drops: model.dropout=0.3 does not apply to model=linear, model=resnet, "
        "without such a key: 2 runs without it"
    )
    assert planned("experiment=drops", "model=mlp,tabm")[1] == []


@pytest.mark.slow
def test_a_run_alone_is_the_run_of_the_sweep(experiments):
    swept, _ = planned("experiment=drops", "model=mlp,linear")
    assert [alone("experiment=drops", f"model={name}") for name in ("mlp", "linear")] == swept


@pytest.mark.slow
def test_values_of_an_experiments_own_sweep_apply_where_they_exist(experiments):
    folders, lines = planned("experiment=swept", "model=mlp,linear")
    dropped = [
        alone("model=mlp", f"model.dropout={p}", f"seed={s}") for p in (0.1, 0.2) for s in (1, 2)
    ]
    linear = [alone("model=linear", f"seed={s}") for s in (1, 2)]
    assert len(folders) == 6
    assert {*folders} == {*dropped, *linear}
    assert [line.partition(",")[0] for line in lines] == [
        "model.dropout=0.1 does not apply to model=linear",
        "model.dropout=0.2 does not apply to model=linear",
    ]


@pytest.mark.slow
def test_what_no_option_takes_or_is_typed_by_hand_is_refused(experiments):
    refused = r"model\.dropuot: model=linear has no such key"
    with pytest.raises(ConfigError, match=refused):
        planned("experiment=misspelled", "model=linear,mlp")
    for overrides in (
        ("experiment=own",),  # a mistake of the experiment's author
        ("experiment=drops", "model=linear", "model.dropout=0.1"),
        ("experiment=swept", "model=linear", "model.dropout=0.1,0.2"),
    ):
        with pytest.raises(ConfigError, match=r"model\.dropout: model=linear has no such key"):
            planned(*overrides)


@pytest.mark.slow
def test_keys_of_options_that_are_not_chosen_stay_out_too(experiments):
    folders, lines = planned("experiment=tuned", "regularization=none,l1")
    assert folders == [alone(), alone("regularization=l1", "regularization.l1.rate=0.1")]
    assert lines == [
        "experiment=tuned: scheduler.warmup=3 does not apply to scheduler=none, "
        "without such a key: 2 runs without it",
        "experiment=tuned: regularization.l1.rate=0.1 does not apply to regularization=none, "
        "without such a key: 1 run without it",
    ]


@pytest.mark.slow
def test_a_single_run_says_it_too(experiments, lepton):
    code, out, _ = lepton("check", "dataset=wine", "experiment=drops", "model=linear")
    assert code == 0
    assert "experiment=drops: model.dropout=0.3 does not apply to model=linear" in out
