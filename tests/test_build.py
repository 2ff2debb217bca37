import re

import pytest
import torch

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.errors import ConfigError

SMALL = ["dataset=synthetic", "dataset.rows=100", "batch_size=8"]


def test_a_node_is_made_of_its_values_and_of_what_code_supplies():
    p = torch.nn.Parameter(torch.zeros(2))
    node = {"_target_": "torch.optim.SGD", "lr": 0.25, "momentum": 0.5}
    [group] = build.instantiate(node, "optimizer", params=[p]).param_groups
    assert (group["lr"], group["momentum"]) == (0.25, 0.5)
    assert group["params"][0] is p


def test_lists_and_mappings_arrive_as_pythons_own():
    node = {"_target_": "torch.nn.ParameterDict", "parameters": {}}
    assert type(build.instantiate(node, "model")).__name__ == "ParameterDict"
    cfg = compose(*SMALL, "optimizer=adamw")
    assert type(check(cfg)["optimizer"]["betas"]) is list


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "subprocess.run",
        "builtins.eval",
        "pathlib.Path",
        "lepton.model.mlp.nn.Module.__init__.__globals__",
        "lepton.dataset.split.split_rows.np.save",  # behind a trusted module's import
        "lepton.model.gradient_boosting.Path",
        "lepton.run.train",  # of lepton's own, only the groups
    ],
)
def test_what_is_made_must_lie_in_a_trusted_package_under_its_real_name(target, tmp_path):
    with pytest.raises((ConfigError, AttributeError, ImportError)) as caught:
        build.instantiate({"_target_": target, "path": str(tmp_path / "x")}, "model")
    if isinstance(caught.value, ConfigError):
        words = "is not in a trusted package|is no target of model, but of dataset"
        assert re.search(words, str(caught.value))
    assert not list(tmp_path.iterdir())


def test_a_target_inside_a_node_is_held_to_the_same_list():
    node = {"_target_": "torch.nn.Sequential", "inner": {"_target_": "os.getcwd"}}
    with pytest.raises(ConfigError, match=r"'os\.getcwd' is not in a trusted package"):
        build.instantiate(node, "model")


@pytest.mark.slow
def test_regularizers_come_by_name_whatever_the_order_they_were_asked_for_in():
    methods_by_order = [
        build.methods(check(compose(f"regularization=[{names}]")))
        for names in ("l1,ema,dropout", "dropout,l1,ema")
    ]
    assert [[type(m).__name__ for m in methods] for methods in methods_by_order] == [
        ["Dropout", "EMA", "L1", "EarlyStopping"]  # the last is the patience of the trainer
    ] * 2
    (stopper,) = build.methods(check(compose("regularization=none", "trainer.patience=7")))
    assert (type(stopper).__name__, stopper.patience) == ("EarlyStopping", 7)


@pytest.mark.slow
def test_the_split_follows_its_own_seed_and_the_order_the_runs():
    def ids(*overrides):
        data = build.data(check(compose(*SMALL, *overrides)))
        first = next(iter(data.train_dataloader()))[0]["id"].tolist()
        return {name: rows["id"].tolist() for name, rows in data.splits.items()}, first

    split, order = ids()
    assert ids("seed=1")[0] == split
    assert ids("seed=1")[1] != order
    assert ids("dataset.split_seed=1")[0] != split


@pytest.mark.slow
def test_the_trainer_limits_and_the_batch_size_reach_the_data():
    data = build.data(check(compose(*SMALL, "trainer=smoke", "trainer.limit_batches=3")))
    assert data.train_dataloader().num_batches == 3
    data = build.data(check(compose(*SMALL, "trainer=overfit", "trainer.overfit_batches=2")))
    assert data.train_dataloader().num_batches == 2
    ids_of_batches = [b["id"] for block in data.train_dataloader() for b in block]
    assert [len(ids) for ids in ids_of_batches] == [8, 8]


def test_the_task_has_the_weights_and_the_monitor_of_the_config():
    cfg = check(compose(*SMALL, "task.monitor=auroc", "task.class_weights=[1.0,4.0]"))
    task = build.task(cfg, build.data(cfg).spec)
    assert task.monitor == "auroc"
    assert task.larger_is_better
    assert task.weights.tolist() == [[1.0, 4.0]]
