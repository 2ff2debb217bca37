import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from lepton import build, load, train
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.identity import run_folder
from lepton.dataset.load.batch_cutter import EVALUATION_ROWS
from lepton.errors import Pruned, TrainingError
from lepton.run import train_checked
from lepton.sweep.multirun import multirun
from lepton.training.learner import build_learner

TINY = ["dataset=synthetic", "dataset.rows=200", "batch_size=32", "model=mlp_small", "trainer=cpu"]


def prepared(*overrides):
    config = check(compose(*TINY, *overrides))
    data = build.data(config)
    return data, build_learner(config, data.spec)


def weights(network):
    return torch.cat([p.detach().flatten() for p in network.model.parameters()])


def test_the_first_weights_follow_the_seed_alone():
    torch.manual_seed(1)
    one = weights(prepared("seed=3")[1])
    torch.manual_seed(2)
    assert torch.equal(weights(prepared("seed=3", "optimizer.lr=0.5", "batch_size=8")[1]), one)
    assert not torch.equal(weights(prepared("seed=4")[1]), one)


def test_the_programs_own_randomness_is_left_as_it_was(tmp_path):
    torch.manual_seed(0)
    np.random.seed(0)
    expected = torch.rand(3), np.random.rand(3)
    torch.manual_seed(0)
    np.random.seed(0)
    data, network = prepared("trainer.max_epochs=2")
    network.fit(data, tmp_path)
    assert torch.equal(torch.rand(3), expected[0])
    assert np.array_equal(np.random.rand(3), expected[1])


def test_many_rows_are_predicted_as_few_are():
    data, network = prepared("model.dropout=0.5")
    test = data.splits["test"]
    times = EVALUATION_ROWS // len(test["id"]) + 2
    many = {name: value.repeat(times, *[1] * (value.ndim - 1)) for name, value in test.items()}
    predicted = network.predict(many)
    assert len(predicted) == times * len(test["id"]) > EVALUATION_ROWS
    with torch.no_grad():
        expected = network.model.eval()(test)[:, 0].sigmoid()
    torch.testing.assert_close(predicted, expected.repeat(times), rtol=1e-5, atol=1e-6)


def test_a_saved_network_predicts_the_same(tmp_path):
    data, network = prepared("model=resnet", "model.width=16", "trainer.max_epochs=2")
    network.fit(data, tmp_path)
    network.save(tmp_path)
    _, loaded = prepared("model=resnet", "model.width=16", "seed=9")
    test = data.splits["test"]
    expected = network.predict(test)
    assert not torch.equal(loaded.predict(test), expected)
    loaded.load(tmp_path)
    assert torch.equal(loaded.predict(test), expected)


def test_sizes_count_parameters_and_those_that_learn():
    data, network = prepared("model.hidden=[5]", "model.cat_width=2")
    codes, columns = sum(data.spec.cat_cardinalities), len(data.spec.num_features)
    layers = (columns + 2 * 2) * 5 + 5 + 5 + 1
    assert network.sizes() == {"parameters": layers + 2 * codes, "trainable": layers + 2 * codes}
    network.model.inputs.categories.table.weight.requires_grad_(False)
    assert network.sizes() == {"parameters": layers + 2 * codes, "trainable": layers}


def test_a_network_learns_what_there_is_to_learn(tmp_path):
    overrides = [
        "dataset.rows=2000",
        "dataset.noise=0.1",
        "optimizer.lr=0.005",
        "trainer.max_epochs=15",
    ]
    result = train(compose(*TINY, *overrides, f"runs={tmp_path}"))
    assert result.metrics["test/accuracy"] > 0.85
    assert result.metrics["test/log_loss"] < 0.5 * result.constant["test/log_loss"]


@pytest.mark.parametrize("progress", ["null", "false"])
def test_training_says_nothing_where_there_is_no_terminal(progress, tmp_path, capfd):
    overrides = ["trainer.max_epochs=2", f"trainer.progress={progress}", f"runs={tmp_path}"]
    train(compose(*TINY, *overrides))
    assert capfd.readouterr() == ("", "")


TWO_PROCESSES = [
    "trainer=ddp",
    "trainer.accelerator=cpu",
    "trainer.devices=2",
    "trainer.max_epochs=4",
]
ALIKE = ["dataset.rows=250", "model.dropout=0.0", "scheduler=warmup_cosine"]  # 160 rows to train on


@pytest.fixture
def reachable(monkeypatch):
    """Worker processes find lepton from any folder."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


@pytest.mark.slow
def test_two_processes_learn_what_one_does_with_batches_twice_as_large(tmp_path, reachable):
    shared = [*TINY, *ALIKE, "optimizer.lr=0.02", f"runs={tmp_path}"]
    one = train(compose(*shared, "study=one", "batch_size=32", "trainer.max_epochs=4"))
    two = train(compose(*shared, "study=two", *TWO_PROCESSES, "batch_size=16"))
    assert one.rows["train"] % 32 == 0
    assert two.best_epoch == one.best_epoch
    assert two.metrics == pytest.approx(one.metrics, abs=1e-4)
    history = [
        pd.read_parquet(tmp_path / study / run / "history.parquet").drop(columns="seconds")
        for study, run in (("one", one.run), ("two", two.run))
    ]
    pd.testing.assert_frame_equal(*history, rtol=1e-4, atol=1e-5)
    for split in ("val", "test"):
        pairs = (("one", one.run), ("two", two.run))
        paths = [
            tmp_path / study / run / "predictions" / f"{split}.parquet" for study, run in pairs
        ]
        pd.testing.assert_frame_equal(*map(pd.read_parquet, paths), rtol=0, atol=1e-4)
    [folder] = (tmp_path / "two").iterdir()
    assert json.loads((folder / "result.json").read_text())["run"] == two.run
    log_text = (folder / "log.txt").read_text()
    assert log_text.count("rows: 160 train") == 1


@pytest.mark.slow
def test_two_processes_count_by_class_weights_like_one_with_batches_twice_as_large(
    tmp_path, reachable
):
    shared = [*TINY, *ALIKE[:2], "task.class_weights=[1.0,9.0]", "optimizer=sgd"]
    shared += ["optimizer.lr=0.1", f"runs={tmp_path}"]
    one = train(compose(*shared, "study=one", "batch_size=64", "trainer.max_epochs=2"))
    accumulated = ("batch_size=16", "trainer.accumulate_grad_batches=2")
    processes = (*TWO_PROCESSES, "trainer.max_epochs=2")
    two = train(compose(*shared, "study=two", *processes, *accumulated))
    for split in ("val", "test"):
        paths = [
            tmp_path / study / result.run / "predictions" / f"{split}.parquet"
            for study, result in (("one", one), ("two", two))
        ]
        pd.testing.assert_frame_equal(*map(pd.read_parquet, paths), rtol=0, atol=1e-6)


@pytest.mark.slow
def test_every_run_of_a_sweep_takes_two_processes_and_the_next_one_process(tmp_path, reachable):
    before = [*TINY, *ALIKE, f"runs={tmp_path}", "study=sweep"]
    multirun([*before, *TWO_PROCESSES, "seed=0,1"])
    train(compose(*before, "trainer.max_epochs=1"))
    table = load(tmp_path / "sweep")
    assert table["status"].tolist() == ["finished"] * 3
    assert sorted(table["seed"]) == [0, 0, 1]
    assert not torch.distributed.is_initialized()
    assert not list(tmp_path.glob("sweep/*.part"))


PROGRAM = """
import hydra
import lepton

@hydra.main(version_base=None)
def app(_):
    lepton.allow("beside")
    table = ["dataset=csv", "dataset.path=rows.csv", "dataset.target=y", "batch_size=8"]
    two = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "trainer.max_epochs=1"]
    open("rows.csv", "w").write("x,y\\n" + "".join(f"{i % 7},{i % 2}\\n" for i in range(80)))
    own = ["model=linear", "model._target_=beside.Own"]
    lepton.train(lepton.compose(*table, *two, *own))

if __name__ == "__main__":
    app()
"""
OWN = "from lepton.model.linear import Linear\nclass Own(Linear): pass\n"


@pytest.mark.slow
@pytest.mark.parametrize("changes", ["true", "false"])
def test_two_processes_of_a_program_of_hydras_share_its_folder_and_its_modules(
    changes, here, reachable
):
    Path("program").mkdir()
    Path("program", "app.py").write_text(PROGRAM)
    Path("program", "beside.py").write_text(OWN)
    words = ["program/app.py", f"hydra.job.chdir={changes}", "hydra.run.dir=job"]
    process = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=300)
    assert process.returncode == 0, process.stdout + process.stderr
    runs = here / "job" / "runs" if changes == "true" else here / "runs"
    assert len([*runs.glob("default/*/result.json")]) == 1


@pytest.mark.slow
def test_a_failure_in_two_processes_is_told_once_and_ends_both(tmp_path, reachable):
    overrides = [
        *TINY,
        *ALIKE,
        *TWO_PROCESSES,
        "optimizer=sgd",
        "optimizer.lr=1e30",
        f"runs={tmp_path}",
    ]
    with pytest.raises(TrainingError):
        train(compose(*overrides, "study=s"))
    assert load(tmp_path / "s")["status"].tolist() == ["diverged"]
    time.sleep(7)  # Lightning looks after its processes every 5 seconds, and kills this one
    train(compose(*TINY, "trainer=smoke", f"runs={tmp_path}", "study=s"))
    assert sorted(load(tmp_path / "s")["status"]) == ["diverged", "finished"]


def third(epoch, score):
    return epoch == 2


@pytest.mark.slow
def test_who_watches_two_processes_ends_both(tmp_path, reachable):
    config = check(compose(*TINY, *ALIKE, *TWO_PROCESSES, f"runs={tmp_path}", "study=s"))
    with pytest.raises(Pruned, match="after epoch 3"):
        train_checked(config, run_folder(config), third)
    assert load(tmp_path / "s")["status"].tolist() == ["pruned"]
    assert not list(tmp_path.rglob("*.ckpt"))
