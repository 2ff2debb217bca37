"""Callbacks of the group `callbacks` are called as Lightning says, and change no result."""

import shutil
import signal
import sys

import numpy as np
import pandas as pd
import pytest

from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.identity import run_folder, run_id
from lepton.config.signature import read_signature
from lepton.errors import ConfigError, LeptonError
from lepton.run import train_checked
from lepton.storage.results import read_result
from lepton.training.signals import RECEIVED, Interrupted
from tests.training import counting_callbacks, lightning_modules

SMALL = ("dataset=synthetic", "dataset.rows=170", "batch_size=16", "trainer=cpu")
NETWORK = (*SMALL, "model=mlp_small", "model.dropout=0.3", "trainer.max_epochs=3")
MODULE = (*SMALL, "model=classifier", "trainer.max_epochs=3")
LIGHTNINGS = {  # its callbacks that work, and what they are given
    "EarlyStopping": {"monitor": "val/score", "mode": "max"},
    "LearningRateMonitor": {},
    "DeviceStatsMonitor": {},
    "ModelCheckpoint": {"every_n_train_steps": 3, "save_top_k": -1},
    "ModelSummary": {"max_depth": 2},
    "RichModelSummary": {},
    "RichProgressBar": {},
    "TQDMProgressBar": {},
    "Timer": {"duration": "00:01:00:00"},
    "SpikeDetection": {"warmup": 100},
}
YOUNGER = ("WeightAveraging", "EMAWeightAveraging")  # than the oldest Lightning that is allowed


@pytest.fixture(autouse=True)
def options(here, monkeypatch):
    """Options of the group callbacks for classes of tests and of Lightning, and of a module."""
    folder = here / "conf" / "callbacks"
    folder.mkdir(parents=True)
    own = ["Counting", "Epochs", "Pickled", "NoCallback"]
    targets = {name: (f"counting_callbacks.{name}", {}) for name in own}
    package = "pytorch_lightning.callbacks"
    targets |= {name: (f"{package}.{name}", values) for name, values in LIGHTNINGS.items()}
    for name, (target, values) in targets.items():
        write_option(folder, name, target, values)
    (here / "conf" / "model").mkdir()
    (here / "conf" / "model" / "classifier.yaml").write_text(
        "_target_: lightning_modules.Classifier\n"
    )
    for module in (counting_callbacks, lightning_modules):
        shutil.copy(module.__file__, here)
    monkeypatch.syspath_prepend(str(here))
    names = ("lightning_modules", "counting_callbacks")
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setenv("LEPTON_ALLOW", ",".join(names))
    return folder


def write_option(folder, name, target, values):
    lines = [f"{name}:", f"  _target_: {target}", *(f"  {k}: {v}" for k, v in values.items())]
    (folder / f"{name}.yaml").write_text("\n".join(lines) + "\n")


def counted():
    return sys.modules["counting_callbacks"].COUNTS[-1]


@pytest.mark.slow
@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_callback_is_called_once_a_batch_and_the_results_stay(accumulate, run, fingerprint):
    overrides = (*NETWORK, f"trainer.accumulate_grad_batches={accumulate}", "regularization=ema")
    folder = run(*overrides, "callbacks=Counting")
    assert fingerprint(folder) == fingerprint(run(*overrides))
    batches, steps = 3 * 7, 3 * -(-7 // accumulate)  # 108 rows in seven batches an epoch
    assert counted().counts == {
        **dict.fromkeys(["start", "end", "backward"], batches),
        **dict.fromkeys(["zero", "step"], steps),
        "epoch": 3,
    }
    assert counted().rows == [16, 16, 16, 16, 16, 16, 12] * 3
    losses = np.array(counted().losses).reshape(3, 7)
    history = pd.read_parquet(folder / "history.parquet")
    weights = np.array([16] * 6 + [12]) / 108
    np.testing.assert_allclose(losses @ weights, history["train/loss"], rtol=1e-5)


@pytest.mark.slow
def test_texts_come_batch_by_batch_too(run, fingerprint):
    overrides = (
        *("dataset=vader", "dataset.source=reviews", "dataset.fraction=0.1", "batch_size=40"),
        *("model=transformer_tiny", "model.tokenizer.max_length=16", "trainer=cpu"),
        "trainer.max_epochs=2",
    )
    folder = run(*overrides, "callbacks=Counting")
    rows = read_result(folder).rows["train"]
    assert counted().counts["start"] == 2 * -(-rows // 40)
    assert fingerprint(folder) == fingerprint(run(*overrides))


@pytest.mark.slow
def test_a_callback_that_counts_no_batches_leaves_the_blocks_whole(run, fingerprint):
    assert fingerprint(run(*NETWORK, "callbacks=Epochs")) == fingerprint(run(*NETWORK))


@pytest.mark.slow
def test_a_module_of_ones_own_has_it_called_once_a_batch(run, fingerprint):
    folder = run(*MODULE, "callbacks=Counting")
    assert set(counted().counts.values()) == {21, 3}
    result, plain = fingerprint(folder), fingerprint(run(*MODULE))
    assert result == plain


@pytest.mark.slow
def test_a_chosen_callback_is_a_part_of_the_id_and_none_is_not(run):
    ids = {
        run_id(check(compose(*NETWORK, *overrides)))
        for overrides in ((), ("callbacks=none",), ("callbacks=[Counting]",), ("callbacks=Epochs",))
    }
    assert len(ids) == 3


@pytest.mark.slow
@pytest.mark.parametrize("overrides", [NETWORK, MODULE])
def test_the_state_of_a_callback_goes_on_with_the_run(overrides, run, fingerprint):
    overrides = (*overrides, "callbacks=Counting", "trainer.max_epochs=4")
    config, told = check(compose(*overrides, "study=stopped")), []

    def stop(epoch, score):
        told.append(epoch)
        if len(told) == 2:
            RECEIVED.append(signal.SIGTERM)

    with pytest.raises(Interrupted, match="after epoch 2; "):
        train_checked(config, run_folder(config), stop)
    train_checked(config, run_folder(config), stop)
    counts, losses = counted().counts, counted().losses
    whole = run(*overrides)
    assert (counted().counts, counted().losses) == (counts, losses)
    assert fingerprint(run_folder(config)) == fingerprint(whole)


@pytest.mark.slow
@pytest.mark.parametrize("overrides", [NETWORK, MODULE], ids=["network", "module"])
def test_early_stopping_goes_on_as_if_it_had_not_been_stopped(overrides, run, fingerprint):
    overrides = (*overrides, "callbacks=EarlyStopping", "callbacks.EarlyStopping.patience=2")
    overrides = (*overrides, "+callbacks.EarlyStopping.min_delta=0.5", "trainer.max_epochs=9")
    config, told = check(compose(*overrides, "study=stopped")), []

    def stop(epoch, score):
        told.append(epoch)
        if len(told) == 2:
            RECEIVED.append(signal.SIGTERM)

    with pytest.raises(Interrupted):
        train_checked(config, run_folder(config), stop)
    result = train_checked(config, run_folder(config), stop)
    assert result.epochs == 3  # the first, and two without a gain of a half
    assert fingerprint(run_folder(config)) == fingerprint(run(*overrides))


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param(NETWORK, id="network"),
        pytest.param(MODULE, id="module"),
    ],
)
def test_the_patience_of_the_trainer_is_that_of_lightnings_callback(overrides, run, fingerprint):
    overrides = (*overrides, "trainer.max_epochs=25")
    callback = ("callbacks=EarlyStopping", "callbacks.EarlyStopping.patience=2")
    whole = fingerprint(run(*overrides, "trainer.patience=null"))
    expected = fingerprint(run(*overrides, *callback, "trainer.patience=1"))  # which it replaces
    assert fingerprint(run(*overrides, "trainer.patience=2")) == expected
    assert 3 <= expected["epochs"] < whole["epochs"] == 25


@pytest.mark.slow
@pytest.mark.parametrize("overrides", [NETWORK, MODULE], ids=["network", "module"])
@pytest.mark.parametrize("name", LIGHTNINGS)
def test_each_callback_of_lightnings_that_docs_list_runs(name, overrides, run, fingerprint):
    results = [
        fingerprint(folder) | {"history": None}  # to which a monitor adds what it logs
        for folder in (run(*overrides, "logger=csv", f"callbacks={name}"), run(*overrides))
    ]
    assert results[0] == results[1]


@pytest.mark.slow
def test_checkpoints_of_lightnings_lie_in_the_run_folder_and_stay_when_it_goes_on(run, here):
    overrides = (*NETWORK, "callbacks=model_checkpoint", "callbacks.model_checkpoint.save_top_k=-1")
    config, told = check(compose(*overrides)), []

    def stop(epoch, score):
        told.append(epoch)
        if len(told) == 2:
            RECEIVED.append(signal.SIGTERM)

    with pytest.raises(Interrupted):
        train_checked(config, run_folder(config), stop)
    train_checked(config, run_folder(config), stop)
    names = sorted(path.name for path in (run_folder(config) / "callbacks").iterdir())
    assert names == [f"epoch={n}-step={n}.ckpt" for n in range(3)]  # loggers count epochs
    assert len(list(here.rglob("*.ckpt"))) == 3


@pytest.mark.slow
def test_the_shipped_monitors_tell_the_logger(run):
    overrides = ("scheduler=step", "scheduler.step_size=1", "trainer.max_epochs=8", "logger=csv")
    folder = run(*NETWORK, *overrides, "callbacks=[learning_rate_monitor,device_stats]")
    table = pd.read_csv(folder / "csv" / "metrics.csv")
    rates = table["lr-AdamW/pg1"].dropna()
    history = pd.read_parquet(folder / "history.parquet")
    np.testing.assert_allclose(rates, history["lr"])
    assert any(column.startswith("DeviceStatsMonitor.on_train_batch_end") for column in table)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("BatchSizeFinder", "sets the batch size, a part of a run's id"),
        ("LearningRateFinder", "sets the learning rate, a part of a run's id"),
        ("StochasticWeightAveraging", "`lepton list regularization` has an average that is kept"),
        ("WeightAveraging", "`lepton list regularization` has an average that is kept"),
        ("EMAWeightAveraging", "`lepton list regularization` has an average that is kept"),
        ("ModelPruning", "gives the weights other names than those that are saved"),
        ("BasePredictionWriter", "lepton writes the predictions of each run itself"),
        ("OnExceptionCheckpoint", "lepton saves a run that is ended, and goes on from there"),
        ("LambdaCallback", "takes functions, which YAML has not"),
        ("ThroughputMonitor", "derive a class from it that gives batch_size_fn"),
        ("GradientAccumulationScheduler", "trainer.accumulate_grad_batches is the same number"),
        ("BackboneFinetuning", "`lepton list finetune` has strategies that freeze"),
        ("Callback", "does nothing; derive a class from it"),
        ("Checkpoint", "does nothing; ModelCheckpoint saves"),
        ("ProgressBar", "shows nothing; TQDMProgressBar does"),
    ],
)
def test_each_callback_of_lightnings_that_cannot_work_is_refused_in_a_line(name, reason, options):
    needed = {"swa_lrs": 0.1, "pruning_fn": "l1_unstructured", "scheduling": "{4: 2}"}
    needed |= {"batch_size_fn": "null", "dirpath": "here"}
    target = f"pytorch_lightning.callbacks.{name}"
    if name in YOUNGER:
        pytest.importorskip("pytorch_lightning.callbacks.weight_averaging")
    parameters = read_signature(target).parameters
    write_option(options, "refused", target, {k: needed[k] for k in needed if k in parameters})
    with pytest.raises(ConfigError) as error:
        compose(*NETWORK, "callbacks=refused")
    (line,) = error.value.problems
    assert line.startswith("callbacks.refused: callbacks=refused ")
    assert reason in line


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("EarlyStopping", "monitor=nope", "callbacks: .*`nope` which is not available"),
        ("Timer", "duration=long", "refuses its values: .*is not a valid duration"),
    ],
)
def test_what_a_callback_of_lightnings_refuses_is_told_in_one_line(name, value, message, run):
    with pytest.raises(ConfigError, match=message) as error:
        run(*NETWORK, f"callbacks={name}", f"callbacks.{name}.{value}")
    assert len(error.value.problems) == 1


def test_every_callback_of_the_installed_lightning_is_run_or_refused():
    import pytorch_lightning.callbacks as shipped

    refused = test_each_callback_of_lightnings_that_cannot_work_is_refused_in_a_line.pytestmark
    rows = [row for mark in refused for rows in mark.args[1:] for row in rows]
    names = {name for name, _ in rows} | {"BaseFinetuning"}
    assert (names | {*LIGHTNINGS}) - {*YOUNGER} == {*shipped.__all__} - {*YOUNGER}
    assert not names & {*LIGHTNINGS}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["callbacks=NoCallback"], "is no class derived from pytorch_lightning.Callback"),
        (["callbacks=Timer", "callbacks.Timer.duratoin=3"], "did you mean 'duration'"),
        (
            ["callbacks=ModelCheckpoint", "+callbacks.ModelCheckpoint.dirpath=/tmp/x"],
            "dirpath: /tmp/x leads out of callbacks/ of a run",
        ),
        (
            ["callbacks=ModelCheckpoint", "+callbacks.ModelCheckpoint.dirpath=a/../../x"],
            "dirpath: a/../../x leads out of callbacks/ of a run",
        ),
        (
            ["callbacks=ModelCheckpoint", "+callbacks.ModelCheckpoint.filename=../best"],
            "filename: ../best leads out of callbacks/ of a run",
        ),
        (["callbacks=device_stats"], None),
    ],
)
def test_a_wrong_callback_is_told_in_a_line(overrides, line, run):
    if line:
        with pytest.raises(ConfigError, match=line):
            compose(*NETWORK, *overrides)
    else:
        with pytest.raises(ConfigError, match="Cannot use `DeviceStatsMonitor` callback with"):
            run(*NETWORK, *overrides)


@pytest.mark.slow
def test_a_state_that_needs_pickled_code_is_told_when_it_is_saved(run):
    with pytest.raises(LeptonError, match="a state that cannot be saved without pickled code"):
        run(*NETWORK, "callbacks=Pickled", "trainer.checkpoint_every=0")


@pytest.mark.slow
def test_stacks_say_that_a_callback_is_called_by_the_trainer_of_one_run(lepton):
    arguments = ("train", "-m", *NETWORK, "seed=1,2", "callbacks=Epochs")
    code, _, err = lepton(*arguments, "hydra/launcher=vectorized")
    assert code == 0, err
    assert "one by one, 2 of 2 runs: callbacks=Epochs is called by the trainer of one run" in err


def test_they_are_listed(lepton):
    code, out, _ = lepton("list", "callbacks")
    assert code == 0
    assert "device_stats" in out
