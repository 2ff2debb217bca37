from itertools import chain

import pytest
import yaml

from lepton import build
from lepton.config.node_checks import target_problems
from lepton.config.trust import allow, is_allowed, is_trusted, refusal
from lepton.dataset.inputs.find import input_kind
from lepton.derived.classes import import_derivation
from lepton.errors import ConfigError
from lepton.groups import GROUPS

SHIPPED = {  # a target of each group that has options
    "dataset": "lepton.dataset.wine.Wine",
    "preprocessing": "lepton.preprocessing.standard.Standard",
    "task": "lepton.task.base.Task",
    "model": "lepton.model.mlp.MLP",
    "loss": "lepton.loss.focal.Focal",
    "metric": "torchmetrics.classification.Recall",
    "optimizer": "torch.optim.SGD",
    "scheduler": "torch.optim.lr_scheduler.StepLR",
    "finetune": "lepton.finetune.full.Full",
    "regularization": "lepton.regularization.ema.EMA",
    "trainer": "lepton.trainer.default.Trainer",
    "callbacks": "pytorch_lightning.callbacks.DeviceStatsMonitor",
    "evaluation": "lepton.evaluation.slices.Slices",
    "logger": "pytorch_lightning.loggers.CSVLogger",
    "ensemble": "lepton.ensemble.mean.Mean",
}
IN_GROUP = {"metric": "metric.x", "regularization": "regularization.x"}  # else the group itself


def test_allowing_a_package_lets_in_that_package_alone(monkeypatch):
    monkeypatch.setenv("LEPTON_ALLOW", "")
    allow("mine")
    allow("yours.models", "mine")
    assert [is_allowed(n) for n in ("mine.Net", "mine.a.Net", "yours.models.Net")] == [True] * 3
    assert [is_allowed(n) for n in ("mine", "miner.Net", "yours.Net", "os.system")] == [False] * 4


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_trusts_its_own_packages_and_those_of_no_other_group(group):
    own = GROUPS[group].targets
    others = {p for row in GROUPS.values() for p in (*row.targets, *chain(*row.parts.values()))}
    assert all(is_trusted(f"{package}x.Y", group) for package in own)
    assert [p for p in others.difference(own) if is_trusted(f"{p}x.Y", group)] == []


@pytest.mark.parametrize("group", GROUPS)
def test_a_shipped_target_of_another_group_is_refused_by_the_check_and_when_it_is_made(group):
    for other, target in SHIPPED.items():
        if other == group:
            continue
        path, node = IN_GROUP.get(group, group), {"_target_": target}
        (line,) = target_problems(path, node, (), f"{group}=x", group=group)
        assert line.startswith(f"{path}._target_: {target!r} is no target of {group}, but of ")
        assert other in line.partition("; ")[0]
        assert all(package in line.partition("; ")[2] for package in GROUPS[group].targets)
        for make in (build.instantiate, build.import_target):
            with pytest.raises(ConfigError, match=f"is no target of {group}"):
                make(node, group)


def test_a_target_in_the_wrong_group_is_told_with_where_it_belongs(lepton, here):
    sgd = {"_target_": "torch.optim.SGD", "lr": 0.1}
    words = [f"{key}={value}" for key, value in sgd.items()]
    code, _, message = lepton("check", *(f"+regularization.mine.{word}" for word in words))
    assert code == 2
    assert message == (
        "lepton: regularization.mine._target_: 'torch.optim.SGD' is no target of regularization, "
        "but of optimizer; regularization takes lepton.regularization.*; if you mean it here, "
        "--allow torch.optim\n"
    )


def test_a_scheduler_is_no_optimizer_though_its_package_lies_in_that_of_optimizers():
    target = "torch.optim.lr_scheduler.StepLR"
    assert not is_trusted(target, "optimizer")
    assert is_trusted(target, "scheduler")
    assert not is_trusted("torch.optim.SGD", "scheduler")


def test_a_tokenizer_is_trusted_inside_a_model_alone():
    target = "lepton.tokenizer.trained.Trained"
    trusted = [group for group in GROUPS if is_trusted(target, group, inside=True)]
    assert trusted == ["model"]
    assert not is_trusted(target, "model")
    line = refusal("model", target, "model")
    assert "is no target of model, but of model.tokenizer; " in line


def test_a_package_that_the_user_allows_is_trusted_everywhere(monkeypatch):
    monkeypatch.setenv("LEPTON_ALLOW", "mine,torch.optim")
    for group in [*GROUPS, "own", None]:
        for name in ("mine.X", "torch.optim.SGD"):
            assert is_trusted(name, group)
            assert is_trusted(name, group, inside=True)


def test_a_group_of_the_users_own_takes_the_methods_of_lepton_and_nothing_else_of_it():
    methods = [group for group, row in GROUPS.items() if row.is_method]
    for group, target in SHIPPED.items():
        assert is_trusted(target, "noise") == (group in methods)


def test_a_command_of_lepton_is_no_target_of_a_group_nor_an_option_a_command():
    assert is_trusted("lepton.ensemble.derivation.Ensemble", None)
    assert not is_trusted("lepton.ensemble.derivation.Ensemble", "model")
    assert not is_trusted("lepton.ensemble.derivation.Ensemble", None, inside=True)
    assert [t for t in SHIPPED.values() if is_trusted(t, None)] == []
    with pytest.raises(ConfigError, match="is not in a trusted package"):
        import_derivation("ensemble", "lepton.ensemble.mean.Mean")


def test_a_kind_of_inputs_comes_from_the_package_of_data_sets():
    with pytest.raises(ConfigError, match=r"'torch\.nn\.Linear' is not in a trusted package"):
        input_kind("torch.nn.Linear")


@pytest.mark.parametrize("command", [("train", "-m"), ("check", "-m")])
@pytest.mark.parametrize("where", ["callbacks.x", "launcher", "sweeper", "launcher.further"])
@pytest.mark.parametrize("target", ["distutils.spawn.spawn", "os.system", "lepton.run.os.system"])
def test_a_call_in_hydras_own_part_of_an_experiment_is_refused(
    lepton, here, command, where, target
):
    (here / "conf" / "experiment").mkdir(parents=True)
    node = {"_target_": target, "cmd": ["touch", str(here / "marker")]}
    for key in reversed(where.split(".")):
        node = {key: node}
    text = f"# @package _global_\n{yaml.safe_dump({'hydra': node})}"
    (here / "conf" / "experiment" / "evil.yaml").write_text(text)
    code, _, message = lepton(*command, "experiment=evil")
    assert code == 2
    assert message == f"lepton: hydra.{where}._target_: {target!r} is not a plugin of Hydra's\n"
    assert [p.name for p in here.iterdir()] == ["conf"]
