"""Canaries for the private parts of Hydra, held against what Hydra does by public ways."""

from functools import partial

import hydra.utils
import pytest
import torch
from hydra import compose
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import HydraException
from omegaconf import OmegaConf
from torchmetrics.classification import BinaryAccuracy

from lepton.config.compose import add_plugin_path, hydra_session


@pytest.fixture
def moved(canary):
    return partial(canary, "hydra-core")


@pytest.fixture
def private(moved):
    with moved("a name that lepton.compat.hydra imports"):
        import lepton.compat.hydra as private
    return private


def parsed(overrides):
    return OverridesParser.create().parse_overrides(overrides)


@pytest.mark.parametrize(
    "overrides",
    [["seed=3", "task.monitor=null"], ["++task.new=[x,1.5]", "+new={a: 1}", "~rerun"]],
)
def test_values_are_set_as_hydra_sets_them_while_it_composes(private, moved, overrides):
    with hydra_session(), moved("ConfigLoaderImpl._apply_overrides_to_config"):
        expected, cfg = compose("train", overrides), compose("train")
        private.set_values(cfg, parsed(overrides))
        assert cfg == expected


def test_a_key_that_is_not_there_is_refused_as_hydra_refuses_it(private, moved):
    with hydra_session(), moved("ConfigLoaderImpl._apply_overrides_to_config"):
        with pytest.raises(HydraException) as refused:
            compose("train", ["nosuch=3"])
        with pytest.raises(HydraException) as caught:
            private.set_values(compose("train"), parsed(["nosuch=3"]))
        assert str(caught.value) == str(refused.value)


def test_an_option_that_python_holds_is_forgotten(private, moved, monkeypatch):
    with moved("ConfigStore.repo"):
        store = ConfigStore.instance()
        monkeypatch.setattr(store, "repo", {})
        for name in ("kept", "dropped"):
            store.store(group="some/group", name=name, node={"a": 1})
        assert sorted(store.list("some/group")) == ["dropped.yaml", "kept.yaml"]
        private.forget_stored_options("some/group", ["dropped", "nosuch"])
        private.forget_stored_options("no/group", ["dropped"])
        assert store.list("some/group") == ["kept.yaml"]


@pytest.mark.slow
def test_the_launchers_of_conf_take_the_place_of_those_of_plugins(lepton, moved):
    with moved("ConfigStore.repo"):
        for launcher in ("basic", "parallel"):
            code, stdout, stderr = lepton("train", "--cfg", "hydra", f"hydra/launcher={launcher}")
            assert code == 0, stderr
            target = OmegaConf.create(stdout).hydra.launcher._target_
            assert target == f"hydra_plugins.lepton.{launcher.title()}"


def test_a_sweep_is_handed_to_the_sweeper_and_logging_is_left_as_it_is(private, moved, monkeypatch):
    add_plugin_path()
    from hydra_plugins.lepton import Grid

    settings, logged = {}, []
    monkeypatch.setattr(Grid, "setup", lambda self, **kwargs: settings.update(kwargs))
    monkeypatch.setattr(Grid, "sweep", lambda self, arguments: settings.update(arguments=arguments))
    monkeypatch.setattr("hydra._internal.hydra.configure_log", lambda *a, **k: logged.append(a))

    def task(cfg):
        return None

    with moved("GlobalHydra.hydra.multirun"), hydra_session() as hydra:
        private.run_sweep(hydra, "train", task, ["seed=1,2", "model=mlp"])
        assert settings["arguments"] == ["seed=1,2", "model=mlp"]
        assert settings["task_function"] is task
        assert settings["config"].hydra.sweeper._target_ == "hydra_plugins.lepton.Grid"
        assert not logged


def test_a_job_tells_its_error_and_prints_nothing(private, moved, capsys):
    error = ValueError("no luck")
    with moved("JobReturn._return_value"):
        failed = JobReturn(status=JobStatus.FAILED)
        failed.return_value = error
        with pytest.raises(ValueError, match="no luck"):
            _ = failed.return_value
        assert "Error executing job" in capsys.readouterr().err, "return_value prints nothing now"
        assert private.error_of(failed) is error
        completed = JobReturn(status=JobStatus.COMPLETED)
        completed.return_value = 3.0
        assert private.error_of(completed) is None
        assert capsys.readouterr() == ("", "")


def test_a_target_gives_what_it_makes_also_where_its_class_lies_elsewhere(private, moved):
    keywords = private.without_execution_checks()
    nested = {"_target_": "torch.nn.Sequential", "_args_": [{"_target_": "torch.nn.Dropout"}]}
    with moved("hydra.utils.UNSAFE_DISABLE_EXECUTION_CHECKS"):
        assert isinstance(hydra.utils.instantiate(nested, **keywords)[0], torch.nn.Dropout)
        chosen = {"_target_": "torchmetrics.Accuracy", "task": "binary"}
        metric = hydra.utils.instantiate(chosen, _partial_=True, **keywords)()
        assert isinstance(metric, BinaryAccuracy)


def test_hydras_own_launcher_and_sweeper_lie_where_check_expects_them(moved):
    from lepton.config.trust import PLUGIN_PREFIXES

    with moved("hydra._internal.core_plugins"):
        from hydra._internal.core_plugins import basic_launcher, basic_sweeper

        for plugin in (basic_launcher.BasicLauncher, basic_sweeper.BasicSweeper):
            assert f"{plugin.__module__}.".startswith(PLUGIN_PREFIXES)
