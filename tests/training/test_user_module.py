"""A user's LightningModule is trained as it was written, and is a run like any other."""

import os
import random
import shutil
import signal
import sys
import time

import numpy as np
import pandas as pd
import pytest
import pytorch_lightning as pl
import torch
from safetensors.torch import load_file

from lepton import build, load, load_model
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.identity import run_folder, run_id
from lepton.errors import ConfigError, Diverged
from lepton.run import train_checked
from lepton.seeds import derive
from lepton.storage.results import read_result
from lepton.storage.run_log import SHOWN_LINES
from lepton.training.learner import Learner, build_learner
from lepton.training.signals import Interrupted
from lepton.training.user_module.learner import LightningLearner
from tests.protocols import breaches
from tests.training import lightning_modules

SMALL = ("dataset=synthetic", "dataset.rows=170", "batch_size=16", "trainer=cpu")
SHORT = (*SMALL, "trainer.max_epochs=3")
OPTIONS = {
    "classifier": {"hidden": 16, "lr": 0.05, "dropout": 0.2},
    "adversaries": {"width": 8},
    "scored": {},
    "unpredicting": {},
    "logits": {},
    "exploding": {},
}


@pytest.fixture(autouse=True)
def modules(here, monkeypatch):
    """Options of the group model for the modules of tests/training/lightning_modules.py."""
    folder = here / "conf" / "model"
    folder.mkdir(parents=True)
    for name, values in OPTIONS.items():
        target = f"lightning_modules.{name.capitalize()}"
        lines = [f"_target_: {target}", *(f"{key}: {value}" for key, value in values.items())]
        (folder / f"{name}.yaml").write_text("\n".join(lines))
    shutil.copy(lightning_modules.__file__, here)
    monkeypatch.syspath_prepend(str(here))
    monkeypatch.delitem(sys.modules, "lightning_modules", raising=False)
    monkeypatch.setenv("LEPTON_ALLOW", "lightning_modules")
    return folder


def seeded(seed):
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


class Seeds(pl.Callback):
    """Seeds every epoch, and keeps the weights after each."""

    def __init__(self):
        self.states = []

    def on_train_epoch_start(self, trainer, module):
        seeded(derive(0, "noise", trainer.current_epoch, 0))

    def on_train_epoch_end(self, trainer, module):
        self.states.append({k: v.clone() for k, v in module.state_dict().items()})


def trained_by_lightning(config, module_class, settings, **values):
    """Weights after each epoch of a plain pytorch_lightning.Trainer on the same batches."""
    data = build.data(config)
    loader = data.train_dataloader()

    class Batches:
        """All batches of an epoch, cut by hand in the order that the sampler draws."""

        sampler = loader.sampler

        def __len__(self):
            return -(-len(data.splits["train"]["id"]) // 16)

        def __iter__(self):
            rows = loader.sampler.draw()
            for numbers in rows.split(16):
                yield {name: values[numbers] for name, values in data.splits["train"].items()}

    seeded(derive(0, "init"))
    module = module_class(spec=data.spec, **values)
    seeds = Seeds()
    trainer = pl.Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=3,
        callbacks=[seeds],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        **settings,
    )
    seeded(derive(0, "noise"))
    val = torch.utils.data.DataLoader([data.splits["val"]], batch_size=None)
    has_validation = module_class.validation_step is not pl.LightningModule.validation_step
    trainer.fit(module, Batches(), val if has_validation else None)
    return data, module, seeds.states


@pytest.mark.slow
@pytest.mark.parametrize(
    ("option", "overrides", "settings"),
    [
        ("classifier", (), {}),
        ("adversaries", (), {}),
        (
            "classifier",
            ("trainer.accumulate_grad_batches=3", "trainer.extra.gradient_clip_val=0.1"),
            {"accumulate_grad_batches": 3, "gradient_clip_val": 0.1},
        ),
    ],
)
def test_its_weights_are_those_of_lightnings_own_trainer_bit_for_bit(
    option, overrides, settings, run
):
    config = check(compose(*SHORT, f"model={option}", *overrides))
    module_class = getattr(lightning_modules, option.capitalize())
    data, module, states = trained_by_lightning(config, module_class, settings, **OPTIONS[option])
    folder = run(*SHORT, f"model={option}", *overrides)
    result = read_result(folder)
    best = states[result.best_epoch]
    saved = load_file(folder / "module.safetensors")
    assert saved.keys() == best.keys()
    assert all(saved[name].equal(best[name]) for name in best)
    module.load_state_dict(best)
    module.eval()
    with torch.no_grad():
        inputs = {"num": data.splits["test"]["num"]}
        batch = (inputs, 0) if option == "classifier" else (inputs,)
        expected = module.predict_step(*batch)
    stored = pd.read_parquet(folder / "predictions" / "test.parquet")
    np.testing.assert_array_equal(stored["prediction"], expected)


@pytest.mark.slow
def test_it_keeps_the_protocol_of_learners(here):
    config = check(compose(*SHORT, "model=classifier"))
    learner = build_learner(config, build.data(config).spec)
    assert type(learner) is LightningLearner
    assert breaches(learner, Learner) == []
    assert (learner.history, learner.trained_as) == ([], "alone")


@pytest.mark.slow
def test_the_history_holds_what_it_logged_and_the_best_epoch_is_of_the_tasks_metric(run):
    folder = run(*SHORT, "model=classifier", "task.monitor=auroc")
    history = pd.read_parquet(folder / "history.parquet")
    assert {"epoch", "margin", "val_margin", "val/auroc", "val/score", "lr"} <= {*history}
    assert history["epoch"].tolist() == [0, 1, 2]
    np.testing.assert_allclose(history["lr"], [0.05, 0.04, 0.032])
    np.testing.assert_allclose(history["train/loss"], history["margin"], atol=0.05)
    assert history["step"].tolist() == [7, 14, 21]
    result = read_result(folder)
    assert result.best_epoch == history["val/auroc"].argmax()
    assert result.metrics["val/auroc"] == history["val/auroc"].max()
    assert result.parameters == 8 * 16 + 16 + 16 * 2 + 2


@pytest.mark.slow
def test_a_score_of_its_own_chooses_the_epoch(run):
    folder = run(*SHORT, "model=scored")
    history = pd.read_parquet(folder / "history.parquet")
    assert history["val/score"].tolist() == [-1, 0, -1]
    assert "val/log_loss" not in history
    assert read_result(folder).best_epoch == 1


@pytest.mark.slow
def test_the_saved_weights_predict_the_same(run):
    folder = run(*SHORT, "model=adversaries")
    frame = pd.read_parquet(folder / "predictions" / "test.parquet")
    config = check(compose(*SHORT, "model=adversaries"))
    data = build.data(config)
    data.setup()
    loaded = load_model(folder).learner.predict({"num": data.splits["test"]["num"]})
    np.testing.assert_array_equal(frame["prediction"], loaded)


@pytest.mark.slow
def test_groups_that_it_does_not_heed_are_said_where_they_are_given_and_change_no_id(lepton):
    SHOWN_LINES.clear()
    arguments = ("train", *SMALL, "trainer.max_epochs=1", "model=classifier")
    code, out, err = lepton(*arguments)
    assert (code, "nothing" in out + err) == (0, False)
    code, out, err = lepton(*arguments, "optimizer.lr=0.5", "scheduler=step", "rerun=true")
    assert code == 0
    assert (
        "model=classifier is a LightningModule, trained as it was written: optimizer, scheduler "
        "do nothing beyond what they suggest to the trainer\n" in out + err
    )
    configs = [
        check(compose(*SHORT, "model=classifier", *overrides))
        for overrides in ((), ("optimizer=sgd", "scheduler=step", "regularization=ema"))
    ]
    assert configs[0]["optimizer"] is configs[0]["regularization"] is None
    assert len({run_id(config) for config in configs}) == 1
    others = ("trainer.max_epochs=4", "batch_size=8", "model.lr=0.1")
    ids = {run_id(check(compose(*SHORT, "model=classifier", other))) for other in others}
    assert len(ids | {run_id(configs[0])}) == 4


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model=unpredicting"], "model=unpredicting is a LightningModule without predict_step"),
        (["model=classifier", "trainer=fsdp"], "fsdp divides lepton's own networks"),
        (["model=classifier", "task.class_weights=balanced"], "has a loss of its own; null is"),
        (["model=classifier", "finetune=full"], "trained as it was written; nothing to start from"),
        (["model=classifier", "model.hiden=3"], "no such key; did you mean 'hidden'"),
        (["model=classifier", "model.spec=3"], "model.spec: set by lepton, not by hand"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_imported(overrides, message):
    with pytest.raises(ConfigError, match=message):
        compose(*SHORT, *overrides)


@pytest.mark.slow
@pytest.mark.parametrize(
    "override", ["trainer.accumulate_grad_batches=2", "trainer.extra.gradient_clip_val=1"]
)
def test_what_manual_optimization_cannot_do_is_told_in_a_line(override, run):
    with pytest.raises(ConfigError, match=r"model=adversaries: .* for manual optimization"):
        run(*SHORT, "model=adversaries", override)


@pytest.mark.slow
def test_validations_further_apart_than_an_epoch_is_long_are_told_in_a_line(run):
    with pytest.raises(
        ConfigError, match=r"model=classifier: `val_check_interval` \(100\) must be"
    ):
        run(*SHORT, "model=classifier", "trainer.extra.val_check_interval=100")


@pytest.mark.slow
def test_a_score_of_some_epochs_alone_is_refused(run):
    with pytest.raises(ConfigError, match=r"model=scored: logs val/score in epoch 2, not in the"):
        run(*SHORT, "model=scored", "trainer.extra.check_val_every_n_epoch=2")


def test_no_step_at_all_is_refused():
    with pytest.raises(ConfigError, match=r"trainer.extra.max_steps: 0 leaves nothing to learn"):
        compose(*SHORT, "model=classifier", "trainer.extra.max_steps=0")


@pytest.mark.slow
def test_predictions_of_a_wrong_shape_are_refused_before_the_training(run):
    with pytest.raises(
        ConfigError,
        match=r"predict_step returned shape \(8, 2\) for 8 rows; .*"
        r"needs \(8,\): the probability of the second class",
    ):
        run(*SHORT, "model=logits")


@pytest.mark.slow
def test_a_module_that_no_source_shows_is_refused(modules, run):
    (modules / "made.yaml").write_text("_target_: lightning_modules.make")
    with pytest.raises(ConfigError, match="makes a LightningModule, which its source does not"):
        run(*SHORT, "model=made")


@pytest.mark.slow
def test_a_loss_that_is_no_number_ends_the_run_with_the_best_weights(here, run):
    with pytest.raises(Diverged, match="training loss is nan in epoch 2, batch 3") as error:
        run(*SHORT, "model=exploding")
    assert error.value.weights == "of epoch 1, the best"
    (file,) = here.glob("runs/*/*/module.safetensors")
    assert all(tensor.isfinite().all() for tensor in load_file(file).values())


SETTINGS = {
    "dropout, an epoch scheduler and a metric of its own": ("model=scored",),
    "two optimizers": ("model=adversaries",),
    "double precision": ("model=classifier", "trainer.precision=64-true"),
    "accumulated": ("model=classifier", "trainer.accumulate_grad_batches=3"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", SETTINGS)
def test_a_training_stopped_between_epochs_ends_as_one_that_was_not(
    case, run, fingerprint, monkeypatch
):
    overrides = (*SMALL, "trainer.max_epochs=5", *SETTINGS[case])
    config = check(compose(*overrides, "study=stopped"))
    folder, told = run_folder(config), []

    def stop(epoch, score):
        told.append((epoch, score))
        if len(told) in (2, 5):  # in the second epoch, and after two are told again in the third
            os.kill(os.getpid(), signal.SIGTERM)

    for epochs in (2, 3):
        with pytest.raises(Interrupted, match=f"stopped by SIGTERM after epoch {epochs}; "):
            train_checked(config, folder, stop)
    train_checked(config, folder, stop)
    assert [epoch for epoch, _ in told] == [0, 1, 0, 1, 2, 0, 1, 2, 3, 4]
    whole = run(*overrides)
    weights = [load_file(path / "module.safetensors") for path in (folder, whole)]
    assert all(weights[0][name].equal(weights[1][name]) for name in weights[1])
    assert fingerprint(folder) == fingerprint(whole)


@pytest.mark.slow
def test_a_killed_run_goes_on_from_its_last_epoch(here, start, command, run, fingerprint):
    overrides = (*SMALL, "trainer.max_epochs=100", "model=classifier")
    process = start("train", *overrides, "study=killed", "trainer.checkpoint_every=0")
    began = time.monotonic()
    while not list(here.glob("runs/killed/*.part/checkpoint/previous.ckpt")):
        assert time.monotonic() - began < 60
        time.sleep(0.01)
    process.kill()
    process.join()
    code, output = command("train", *overrides, "study=killed")
    assert code == 0, output
    assert "goes on after epoch" in output
    (folder,) = here.glob("runs/killed/*")
    assert fingerprint(folder) == fingerprint(run(*overrides))


@pytest.mark.slow
def test_a_sweep_trains_it_one_by_one_and_says_why(lepton):
    arguments = ("train", "-m", *SHORT, "model=classifier", "seed=1,2", "hydra/launcher=vectorized")
    code, _, err = lepton(*arguments)
    assert code == 0, err
    reason = "model=classifier is a LightningModule, trained as it was written"
    assert f"one by one, 2 of 2 runs: {reason}" in err
    runs = load("default")
    assert set(runs["trained"]) == {"alone"}
    assert runs["score"].nunique() == 2
