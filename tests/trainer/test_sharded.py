"""trainer=fsdp: what two processes with halves of the weights learn, held against two with all."""

import os
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from safetensors.torch import load_file
from torch import nn
from torch.distributed.tensor import DTensor

from lepton import build, train
from lepton.compat.torch import record_modules, restore_modules
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.errors import ConfigError, Diverged
from lepton.method import Method
from lepton.storage.results import read_result
from lepton.trainer.sharded import ShardedStrategy, full_tensor, shard
from lepton.values.finite import all_finite

TWO = ("trainer.accelerator=cpu", "trainer.devices=2", "trainer.max_epochs=3")
TABLE = ("dataset=synthetic", "dataset.rows=150", "batch_size=16", "optimizer.lr=0.02")
UNUSED = "trainer.strategy=ddp_find_unused_parameters_true"
TEXTS = (
    *("dataset=vader", "dataset.source=tweets", "dataset.shots=16", "batch_size=8"),
    *("model=transformer_tiny", "optimizer.lr=0.003"),
)


@pytest.fixture
def reachable(monkeypatch):
    """Worker processes find lepton from any folder."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


@pytest.fixture
def both(tmp_path, reachable):
    """A run folder of ddp and one of fsdp, of the same words."""

    def make(*overrides: str, ddp: str = "ddp") -> list[Path]:
        run_folders = []
        for strategy in (ddp, "fsdp"):
            shared = (f"trainer.strategy={strategy}", f"runs={tmp_path}", f"study={strategy}")
            run = train(compose("trainer=fsdp", *TWO, *overrides, *shared)).run
            run_folders.append(tmp_path / strategy / run)
        return run_folders

    return make


def assert_same_training(one: Path, two: Path) -> None:
    a, b = (read_result(path) for path in (one, two))
    assert (a.best_epoch, a.trainable) == (b.best_epoch, b.trainable)
    histories = [pd.read_parquet(path / "history.parquet") for path in (one, two)]
    a, b = (history.drop(columns="seconds") for history in histories)
    pd.testing.assert_frame_equal(a, b, rtol=1e-4, atol=1e-5)
    a, b = (load_file(next(path.glob("*.safetensors"))) for path in (one, two))
    assert a.keys() == b.keys()
    for name in a:
        torch.testing.assert_close(a[name], b[name], rtol=1e-4, atol=1e-4)


SGD = ("optimizer=sgd", "optimizer.fused=false")


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides",
    [
        ("model=mlp_small", "regularization=[ema,gradient_clipping]", "scheduler=warmup_cosine"),
        # has weights outside of every layer
        ("model=ft_transformer", "regularization=[ema]", "optimizer.lr=0.05"),
        # has statistics, which each process counts from rows of its own
        ("model=resnet", *SGD),
        # adds two gradients up; Adam would divide those that are only rounding by themselves
        (
            "model=tabm",
            "trainer.accumulate_grad_batches=2",
            "regularization=[label_smoothing]",
            *(*SGD, "optimizer.lr=1"),
        ),
    ],
    ids=lambda overrides: overrides[0],
)
def test_shares_of_the_weights_of_tables_learn_what_copies_do(both, overrides):
    assert_same_training(*both(*TABLE, *overrides))


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["lora", "lp_ft", "gradual_unfreeze", "contrastive"])
def test_shares_of_the_weights_of_texts_are_tuned_as_copies_are(both, tmp_path, strategy):
    start = train(compose(*TEXTS, "trainer=smoke", f"runs={tmp_path}", "study=start"))
    ddp = "ddp_find_unused_parameters_true" if strategy == "gradual_unfreeze" else "ddp"
    source = f"{tmp_path}/start/{start.run}"
    assert_same_training(*both(*TEXTS, f"finetune={strategy}", f"init_from={source}", ddp=ddp))


@pytest.mark.slow
def test_a_run_that_diverges_says_so_once_and_keeps_the_best_weights_whole(
    tmp_path, reachable, capfd
):
    overrides = (*TABLE, "model=mlp_small", f"runs={tmp_path}", "study=s", "scheduler=exponential")
    with pytest.raises(Diverged, match="epoch 2") as caught:
        train(compose("trainer=fsdp", *TWO, *overrides, "scheduler.gamma=1e30"))
    assert caught.value.weights == "of epoch 1, the best"
    [path] = (tmp_path / "s").glob("*.failed/*.safetensors")
    good = train(compose(*overrides, "trainer=cpu", "trainer.max_epochs=1"))
    expected = load_file(tmp_path / "s" / good.run / "model.safetensors")
    state = load_file(path)
    assert {n: t.shape for n, t in state.items()} == {n: t.shape for n, t in expected.items()}
    assert all_finite(state)
    assert "Traceback" not in capfd.readouterr().err


class Blocks(nn.Module):
    """Layers of all kinds: a weight, a mere list of modules, a module with statistics."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(6))
        self.body = nn.ModuleList([nn.Linear(6, 8), nn.Linear(8, 6)])
        self.norm = nn.BatchNorm1d(6)
        self.head = nn.Linear(6, 2)

    def layers(self) -> list[str]:
        return ["scale", "body+norm", "head"]

    def forward(self, x):
        for layer in self.body:
            x = layer(x)
        return self.head(self.norm(x * self.scale))


def divide(rank: int, folder: str) -> None:
    """Divides a model in one of two processes, and fails where something of it is lost."""
    dist.init_process_group("gloo", f"file://{folder}/meet", rank=rank, world_size=2)
    torch.manual_seed(0)
    model, rows = Blocks().eval(), torch.ones(4, 6)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    kinds, answer = [type(module) for module in model.modules()], model(rows)
    everything = sum(p.numel() for p in model.parameters())
    records = list(record_modules(model))
    shard(model, dist.device_mesh.init_device_mesh("cpu", (2,)))
    assert 2 * sum(p.to_local().numel() for p in model.parameters()) == everything
    model(rows).sum().backward()
    state = {name: full_tensor(value) for name, value in model.state_dict().items()}
    restore_modules(records)
    model.load_state_dict(state, assign=True)
    dist.destroy_process_group()
    assert [type(module) for module in model.modules()] == kinds
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(model(rows), answer)
    # where the interpreter ends while a thread of gloo still drops a tensor, torch 2.13 aborts
    os._exit(0)


@pytest.mark.slow
def test_each_of_two_processes_holds_half_and_a_whole_model_comes_back(tmp_path):
    mp.spawn(divide, (str(tmp_path),), nprocs=2)


@pytest.mark.slow
def test_fsdp_is_lightnings_strategy_for_as_many_processes_as_devices():
    cfg = check(compose("dataset=synthetic", "model=mlp_small", "trainer=fsdp", *TWO))
    trainer = build.instantiate(cfg["trainer"], "trainer", callbacks=[], logger=False)
    assert isinstance(trainer.strategy, ShardedStrategy)
    assert trainer.world_size == 2


@pytest.mark.slow
def test_one_device_has_nobody_to_share_with():
    with pytest.raises(ConfigError, match=r"trainer\.devices=2 or more"):
        train(compose(*TABLE, "model=mlp_small", "trainer=fsdp", "trainer.accelerator=cpu"))


def test_a_method_that_asks_for_whole_weights_is_told_before_the_model_is_divided():
    class Ridge(Method):
        def penalty(self, model):
            return model.weight.square().sum()

    strategy, model = ShardedStrategy(), nn.Linear(2, 1)
    strategy._lightning_module = SimpleNamespace(methods=[Method(), Ridge()], model=model)
    with pytest.raises(ConfigError, match="fsdp: Ridge asks for whole weights"):
        strategy.setup(None)
    assert not isinstance(model.weight, DTensor)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("optimizer=adafactor",), "Adafactor needs them whole"),
        (("optimizer=muon",), "Muon needs them whole"),
        (("dataset=vader", "model=transformer_tiny", "finetune=prompt"), "Prompt needs them whole"),
        (("regularization=[l1]",), "L1 needs them whole"),
        (("finetune=l2sp",), "L2SP needs them whole"),
        (("trainer.precision=64-true",), "trainer.precision: fsdp cannot train in 64-true; 32-"),
        (("optimizer=sgd",), "optimizer.fused: fsdp has no fused SGD"),
        (("trainer.precision=16-mixed",), "trainer.precision: fsdp cannot train in 16-mixed; 32"),
        (("finetune=gradual_unfreeze", "trainer=ddp"), UNUSED),
        (("finetune=gradual_unfreeze", "trainer=cpu"), UNUSED),
    ],
)
def test_what_does_not_go_with_several_devices_is_told_before_training(overrides, message):
    with pytest.raises(ConfigError) as caught:
        check(compose(*TABLE[:1], "model=mlp_small", "trainer=fsdp", *TWO, *overrides))
    assert message in str(caught.value)
