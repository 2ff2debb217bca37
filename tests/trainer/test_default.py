import pandas as pd
import pytest
import torch

from lepton import build, train
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.errors import ConfigError
from lepton.trainer.default import auto_precision

TINY = ["dataset=synthetic", "dataset.rows=150", "batch_size=16", "model=mlp_small"]


def make_trainer(*overrides):
    return build.instantiate(
        check(compose(*overrides))["trainer"], "trainer", callbacks=[], logger=False
    )


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_the_number_of_threads_is_set_or_left_alone(two_threads):
    make_trainer("trainer=cpu", "trainer.threads=null")
    assert torch.get_num_threads() == 2
    make_trainer("trainer=cpu")
    assert torch.get_num_threads() == 1


def test_lightning_gets_what_the_config_says():
    trainer = make_trainer("trainer=cpu", "trainer.max_epochs=7", "trainer.precision=bf16-mixed")
    assert trainer.max_epochs == 7
    assert trainer.precision == "bf16-mixed"
    assert trainer.num_devices == 1
    assert trainer.checkpoint_callback is None
    assert trainer.progress_bar_callback is None


@pytest.mark.parametrize(
    ("accelerator", "has_gpu", "native", "expected"),
    [
        ("auto", True, True, "bf16-mixed"),
        ("gpu", True, False, "32-true"),
        ("auto", False, True, "32-true"),
        ("cpu", True, True, "32-true"),
    ],
)
def test_precision_is_halved_where_a_gpu_computes_so_natively(
    accelerator, has_gpu, native, expected, monkeypatch
):
    monkeypatch.setattr("torch.cuda.is_available", lambda: has_gpu)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation: native)
    assert auto_precision(accelerator) == expected


def test_precision_auto_is_full_on_a_cpu():
    assert make_trainer("trainer=cpu", "trainer.precision=auto").precision == "32-true"


def test_the_devices_of_ddp_are_processes():
    trainer = make_trainer("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2")
    assert (trainer.world_size, type(trainer.strategy).__name__) == (2, "DDPStrategy")


@pytest.mark.parametrize(
    "override",
    [
        "trainer.accelerator=abacus",
        "trainer.strategy=fastest",
        "trainer.precision=7",
        "trainer.devices=0",
        "trainer.max_time=soon",
        "trainer.profiler=deep",
    ],
)
def test_what_the_machine_or_lightning_cannot_do_is_said_in_a_line(override):
    with pytest.raises(ConfigError) as caught:
        make_trainer("trainer=cpu", override)
    assert str(caught.value).startswith("trainer: ")
    assert "\n" not in str(caught.value)


def test_threads_and_processes_beyond_the_machine_are_said_in_a_line(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    with pytest.raises(ConfigError, match=r"threads: 100 threads on 2 CPU cores; 64 at most$"):
        make_trainer("trainer=cpu", "trainer.threads=100")
    with pytest.raises(ConfigError, match=r"devices: 5 processes on 2 CPU cores; 2 at most$"):
        make_trainer("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=5")


@pytest.mark.slow
def test_smoke_is_two_batches_of_every_split(tmp_path):
    result = train(compose(*TINY, "trainer=smoke", f"runs={tmp_path}"))
    assert result.epochs == 1
    settings = check(compose("trainer=smoke"))["trainer"]
    assert (settings["max_epochs"], settings["limit_batches"]) == (1, 2)


@pytest.mark.slow
def test_overfit_learns_one_batch_by_heart(tmp_path):
    overrides = [*TINY, "trainer=overfit", "model.dropout=0.0", "optimizer.lr=0.01"]
    result = train(compose(*overrides, f"runs={tmp_path}", "study=s"))
    history = pd.read_parquet(tmp_path / "s" / result.run / "history.parquet")
    assert history["train/loss"].iloc[-1] < 0.01
    assert history["val/log_loss"].iloc[-1] < 0.01
    assert result.metrics["test/log_loss"] > 0.1


def test_debug_refuses_what_is_not_deterministic_and_stops_where_a_gradient_turns_nan():
    trainer = make_trainer("trainer=debug")
    assert torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(False)
    assert trainer._detect_anomaly
    assert trainer.max_epochs == 5


@pytest.mark.slow
def test_a_time_limit_ends_training(tmp_path):
    overrides = [*TINY, "trainer=cpu", "trainer.max_epochs=100000", "trainer.max_time=00:00:00:01"]
    result = train(compose(*overrides, f"runs={tmp_path}"))
    assert 0 < result.epochs < 100000
    assert result.seconds < 10


@pytest.mark.slow
def test_profile_says_where_the_time_went(tmp_path, caplog):
    caplog.set_level("INFO", logger="lepton")
    train(compose(*TINY, "trainer=profile", f"runs={tmp_path}"))
    assert "run_training_epoch" in caplog.text
    assert "training_step" in caplog.text
