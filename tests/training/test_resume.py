"""A training that was stopped or killed anywhere goes on to the very end it would have had."""

import random
import signal
import time
from pathlib import Path

import pandas as pd
import pytest

from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.identity import run_folder
from lepton.run import train_checked
from lepton.storage.results import read_result
from lepton.training.signals import RECEIVED, Interrupted
from tests.picture_files import write_npz, write_photos
from tests.quick import quick_rows
from tests.shop_files import SHOP, write_shop
from tests.sound_files import write_tones

SMALL = (
    "dataset=synthetic",
    "dataset.rows=170",
    "batch_size=16",
    "trainer=cpu",
)  # 7 steps an epoch
MLP = (*SMALL, "model=mlp_small", "model.dropout=0.3", "optimizer.lr=0.01")
SETTINGS = {
    "batch norm, ema, one cycle, early stopping": (
        *(*SMALL, "model=resnet", "model.width=8", "model.hidden_dropout=0.3"),
        *("optimizer.lr=0.03", "scheduler=one_cycle", "regularization=[ema,early_stopping]"),
        *("regularization.early_stopping.patience=2", "trainer.max_epochs=9"),
    ),
    "accumulated": (
        *(*MLP, "trainer.accumulate_grad_batches=3", "optimizer=sgd", "trainer.max_epochs=4"),
        *("regularization=[l1,gradient_clipping,label_smoothing]", "scheduler=warmup_cosine"),
    ),
    "double precision": (*MLP, "trainer.precision=64-true", "trainer.max_epochs=3"),
    "limited": (*MLP, "trainer.limit_batches=4", "trainer.max_epochs=3"),
    "texts": (
        *("dataset=vader", "dataset.source=reviews", "dataset.fraction=0.2", "batch_size=100"),
        *("model=transformer_tiny", "model.tokenizer.max_length=24", "trainer=cpu"),
        *("trainer.max_epochs=2", "optimizer.lr=0.01"),
    ),
    "images": (
        *("dataset=digits", "dataset.fraction=0.2", "batch_size=40", "model=image_resnet"),
        *("model.width=4", "model.dropout=0.3", "trainer=cpu", "trainer.max_epochs=2"),
    ),
    "sounds": (
        *("dataset=audio_folder", "dataset.path=tones", "batch_size=6", "model=audio_cnn"),
        *("model.channels=[4,6]", "model.dropout=0.3", "trainer=cpu", "trainer.max_epochs=4"),
    ),
    **{
        f"pictures that {threads} threads decode": (
            *("dataset=image_folder", "dataset.path=photos", "dataset.size=8", "batch_size=2"),
            *("dataset.cache_gb=0", f"dataset.decoding_threads={threads}", "model=cnn_small"),
            *("model.channels=[4]", "model.dropout=0.3", "trainer=cpu", "trainer.max_epochs=3"),
        )
        for threads in (0, 2)
    },
    **{
        f"several kinds, pictures {way}": (
            *(*SHOP, "model.modality_dropout=0.3", "trainer.max_epochs=3", f"dataset.{budget}=0"),
            "batch_size=12",
        )
        for way, budget in (("decoded anew", "cache_gb"), ("from the cache", "memory_gb"))
    },
    "arrays that are mapped": (
        *("dataset=npz", "dataset.path=set.npz", "dataset.memory_gb=0", "batch_size=6"),
        *("model=cnn_small", "model.channels=[4]", "trainer=cpu", "trainer.max_epochs=3"),
    ),
    "fitting itself": ("dataset=wine", "model=gradient_boosting", "model.max_iter=3"),
}
QUICK_STOPS = [("batch norm, ema, one cycle, early stopping", 10), ("accumulated", 3)]
SHORT = (*MLP, "trainer.max_epochs=3")
OPTIMIZERS = ["adam", "nadam", "sgd", "rmsprop", "lion", "muon", "adafactor", "schedule_free_adamw"]
SCHEDULERS = ["cosine", "warmup_linear", "step", "exponential", "plateau", "inverse_sqrt"]


@pytest.mark.parametrize(
    ("case", "every"),
    quick_rows([(case, every) for case in SETTINGS for every in (3, 10)], *QUICK_STOPS),
)
def test_a_training_stopped_again_and_again_ends_as_one_that_was_not(
    case, every, stopped, run, fingerprint
):
    overrides = SETTINGS[case]
    if case == "sounds":
        pytest.importorskip("soundfile")
        write_tones(Path("tones"))
    if case.startswith("pictures"):
        write_photos(Path("photos"))
    if case.startswith("arrays"):
        write_npz(Path("set.npz"))
    if case.startswith("several kinds"):
        write_shop(Path())
    folder, stops = stopped(every, *overrides)
    assert stops >= (2 if "trainer=cpu" in overrides and every == 3 else 0)
    assert fingerprint(folder) == fingerprint(run(*overrides))


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_goes_on_exactly(name, stopped, run, fingerprint):
    override = f"optimizer={name}"
    folder, stops = stopped(5, *SHORT, override)
    assert stops > 1
    assert fingerprint(folder) == fingerprint(run(*SHORT, override))


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_scheduler_goes_on_exactly(name, stopped, run, fingerprint):
    override = f"scheduler={name}"
    folder, stops = stopped(5, *SHORT, override)
    assert stops > 1
    assert fingerprint(folder) == fingerprint(run(*SHORT, override))


@pytest.mark.parametrize("boundary", range(1, 22))
@pytest.mark.slow
def test_a_training_goes_on_from_every_boundary(boundary, stopped, stopping, run, fingerprint):
    overrides = SETTINGS["batch norm, ema, one cycle, early stopping"]
    folder, _ = stopped(boundary, *overrides)
    assert fingerprint(folder) == fingerprint(run(*overrides))


@pytest.mark.slow
def test_a_training_that_only_lacked_its_scores_is_not_trained_again(stopped, run, fingerprint):
    overrides = (*MLP, "trainer.max_epochs=1")
    folder, stops = stopped(7, *overrides)  # six boundaries between steps, one after the epoch
    assert stops == 1
    assert "goes on after epoch 1\n" in (folder / "log.txt").read_text()
    assert fingerprint(folder) == fingerprint(run(*overrides))


@pytest.mark.slow
def test_the_seconds_of_all_processes_are_added_up(stopped, monkeypatch):
    real, looks = time.time, []

    def jumping():
        looks.append(1)
        return real() + 86_400 * (-1) ** len(looks)

    monkeypatch.setattr(time, "time", jumping)
    began = time.monotonic()
    folder, stops = stopped(6, *SHORT)
    assert stops > 1
    assert 0 < read_result(folder).seconds < time.monotonic() - began


@pytest.mark.slow
def test_the_time_that_a_training_may_take_counts_all_processes(here, monkeypatch):
    overrides = (
        *MLP,
        "trainer.max_epochs=100000",
        "trainer.patience=null",
        "trainer.max_time=00:00:00:02",
    )
    config = check(compose(*overrides))
    began = time.monotonic()

    def stop(epoch, score):
        if time.monotonic() - began > 1.2:
            RECEIVED.append(signal.SIGTERM)

    with pytest.raises(Interrupted):
        train_checked(config, run_folder(config), stop)
    seconds = train_checked(config, run_folder(config)).seconds
    assert 1.9 < seconds < 2.9


@pytest.mark.slow
@pytest.mark.parametrize("every", [5, 7])
def test_loggers_are_told_all_epochs_by_the_process_that_ends_the_training(every, stopped, run):
    overrides = (*SHORT, "logger=csv")
    folder, stops = stopped(every, *overrides)  # 7: also one that only had to be scored
    assert stops > 1
    ours, uninterrupted = (
        pd.read_csv(path / "csv" / "metrics.csv")
        for path in (folder, run(*overrides, "study=whole"))
    )
    assert len(ours) == len(uninterrupted) == 6
    pd.testing.assert_frame_equal(
        ours, uninterrupted, check_like=True, check_dtype=False, rtol=1e-6
    )


LONG = (
    *("dataset=synthetic", "dataset.rows=1000", "model=resnet", "model.hidden_dropout=0.2"),
    *("regularization=[ema,early_stopping]", "scheduler=cosine", "trainer.max_epochs=25"),
    *("model.width=16", "batch_size=32", "regularization.early_stopping.patience=25", "study=long"),
)


def killed(start, rng, *overrides):
    """Kills the command in the middle of training, after its first checkpoint."""
    process = start("train", *overrides)
    study, first = Path("runs/long"), time.monotonic()
    before = {p: p.stat().st_mtime_ns for p in study.glob("*.part/checkpoint/last.ckpt")}
    while process.is_alive() and time.monotonic() - first < 60:
        checkpoints = list(study.glob("*.part/checkpoint/last.ckpt"))
        if checkpoints and before.get(checkpoints[0]) != _changed(checkpoints[0]):
            break
        time.sleep(0.005)
    time.sleep(rng.uniform(0, 0.3))
    process.kill()
    process.join()
    return process.exitcode


def _changed(path):
    return path.stat().st_mtime_ns if path.exists() else None


@pytest.mark.slow
@pytest.mark.parametrize("kills", [2, 6])
def test_a_run_killed_in_the_middle_of_training_ends_as_one_that_was_not(
    kills, here, start, command, run, fingerprint
):
    """Also in the middle of writing a checkpoint: one is written after every step."""
    rng = random.Random(kills)
    codes = [killed(start, rng, *LONG, "trainer.checkpoint_every=0") for _ in range(kills)]
    assert codes == [-signal.SIGKILL] * kills
    code, output = command("train", *LONG)
    assert code == 0, output
    assert "goes on after epoch" in output
    (folder,) = Path("runs/long").iterdir()
    assert not list(folder.glob(".*"))
    assert not (folder / "checkpoint").exists()
    overrides = [override for override in LONG if override != "study=long"]
    assert fingerprint(folder) == fingerprint(run(*overrides))
