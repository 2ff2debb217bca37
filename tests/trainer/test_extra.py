"""Further arguments of Lightning's Trainer reach it, or a line tells what does their work."""

import inspect
import json

import pandas as pd
import pytest
import pytorch_lightning as pl

from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.identity import run_id
from lepton.config.trainer_extra import NOT_FOR_NETWORKS, SET_BY_LEPTON
from lepton.errors import ConfigError

SMALL = ("dataset=synthetic", "dataset.rows=170", "batch_size=16", "trainer=cpu")
NETWORK = (*SMALL, "model=mlp_small", "model.dropout=0.3", "trainer.max_epochs=2")
HANDED_ON = {  # all other arguments, with a value that changes no result
    "min_epochs": 1,
    "num_sanity_val_steps": 2,
    "log_every_n_steps": 3,
    "enable_model_summary": True,
    "benchmark": False,
    "inference_mode": False,
    "sync_batchnorm": False,
    "reload_dataloaders_every_n_epochs": 1,
}
NOT_ALL_THERE = {"enable_autolog_hparams", "model_registry"}  # in older versions


@pytest.fixture
def given(monkeypatch):
    """What Lightning's Trainer was given last."""
    given, init = {}, pl.Trainer.__init__

    def noted(self, **arguments):
        given.update(arguments)
        init(self, **arguments)

    monkeypatch.setattr(pl.Trainer, "__init__", noted)
    return given


def test_every_argument_of_lightnings_trainer_is_handed_on_or_refused():
    arguments = {*inspect.signature(pl.Trainer.__init__).parameters} - {"self"}
    refused = {*SET_BY_LEPTON, *NOT_FOR_NETWORKS}
    assert arguments <= refused | {*HANDED_ON}
    assert refused | {*HANDED_ON} <= arguments | NOT_ALL_THERE
    assert not refused & {*HANDED_ON}


@pytest.mark.slow
@pytest.mark.parametrize("name", HANDED_ON)
def test_an_argument_reaches_lightning_and_the_result_stays(name, run, given, fingerprint):
    value = HANDED_ON[name]
    overrides = (*NETWORK, "regularization=ema")
    folder = run(*overrides, f"trainer.extra.{name}={json.dumps(value)}")
    assert given[name] == value
    assert given["default_root_dir"].endswith(".part/callbacks")
    assert fingerprint(folder) == fingerprint(run(*overrides))


@pytest.mark.slow
def test_sanity_steps_go_with_an_optimizer_that_has_two_sets_of_weights(run, fingerprint):
    overrides = (*NETWORK, "optimizer=schedule_free_adamw")
    folder = run(*overrides, "trainer.extra={num_sanity_val_steps: -1}")
    assert fingerprint(folder) == fingerprint(run(*overrides))


@pytest.mark.slow
def test_an_empty_dictionary_changes_no_id_and_a_value_does():
    def id_of(*overrides):
        return run_id(check(compose(*NETWORK, *overrides)))

    assert id_of("trainer.extra={}") == id_of()
    ids = [id_of(f"trainer.extra.min_epochs={n}") for n in (1, 2)]
    assert len({*ids, id_of()}) == 3
    config = check(compose(*NETWORK))
    del config["trainer"]["extra"]  # as in runs that are older than the key
    assert run_id(config) == id_of()


@pytest.mark.parametrize("name", {**SET_BY_LEPTON, **NOT_FOR_NETWORKS})
def test_what_lepton_sets_or_cannot_heed_is_refused_with_what_does_it(name):
    with pytest.raises(ConfigError) as error:
        compose(*NETWORK, f"trainer.extra.{name}=1")
    (line,) = error.value.problems
    assert line == f"trainer.extra.{name}: {(SET_BY_LEPTON | NOT_FOR_NETWORKS)[name]}"


def test_more_epochs_than_there_are_cannot_be_the_fewest():
    with pytest.raises(ConfigError) as error:
        compose(*NETWORK, "trainer.extra.min_epochs=3")
    assert error.value.problems == (
        "trainer.extra.min_epochs: 3 is more than trainer.max_epochs=2",
    )


def test_unknown_names_and_wrong_types_are_told():
    with pytest.raises(ConfigError) as error:
        compose(*NETWORK, "trainer.extra={enable_model_sumary: true, benchmark: 7}")
    assert error.value.problems == (
        "trainer.extra.enable_model_sumary: pytorch_lightning.Trainer has no such key; "
        "did you mean 'enable_model_summary'?",
        "trainer.extra.benchmark: 7 is not bool or null",
    )


@pytest.mark.slow
def test_a_value_that_lightning_refuses_is_told(run):
    with pytest.raises(ConfigError, match=r"trainer: .*reload_dataloaders_every_n_epochs"):
        run(*NETWORK, "trainer.extra.reload_dataloaders_every_n_epochs=-1")


@pytest.mark.slow
def test_stacks_say_that_it_is_about_the_trainer_of_one_run(lepton):
    arguments = ("train", "-m", *NETWORK, "seed=1,2", "trainer.extra.min_epochs=1")
    code, _, err = lepton(*arguments, "hydra/launcher=vectorized")
    assert code == 0, err
    assert "trainer.extra (min_epochs) is about the trainer of one run" in err


@pytest.mark.slow
def test_monitors_log_as_often_as_it_says(run):
    overrides = ("logger=csv", "callbacks=device_stats", "trainer.extra.log_every_n_steps=5")
    folder = run(*NETWORK, *overrides)
    table = pd.read_csv(folder / "csv" / "metrics.csv")
    (column, *_) = (c for c in table if c.startswith("DeviceStatsMonitor.on_train_batch_end"))
    assert table[column].notna().sum() == 14 // 5
