"""A run folder from elsewhere runs no code: whatever its config names is held to its group."""

from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from lepton import build, load_model
from lepton.errors import ConfigError
from lepton.spec import DataSpec
from tests.tampering import forget_digests

RUN = ("dataset=wine", "model=mlp_small", "trainer.max_epochs=2")
CALL = {"_target_": "os.mkdir", "path": "hacked"}
LATE = "${oc.create:{_target_:os.mkdir,path:hacked}}"  # what makes the call when it is looked up
ESCAPED = "\\" + LATE  # a text to the check, and to be looked up when the object is made
HOSTILE = {  # a place of the config, the value there, and the place that the line names
    "model": (CALL, "model._target_"),
    "optimizer": ({"_target_": "subprocess.Popen", "args": ["true"]}, "optimizer._target_"),
    "scheduler": ({"_target_": "builtins.eval"}, "scheduler._target_"),
    "preprocessing": ({"_target_": "functools.partial"}, "preprocessing._target_"),
    "trainer": ({"_target_": "hydra.utils.get_method", "path": "os.system"}, "trainer._target_"),
    "dataset": ({"_target_": "lepton.cli.main"}, "dataset._target_"),
    "task._target_": ("lepton.run.train", "task._target_"),
    "logger.x": ({"_target_": "lepton.model.mlp.MLP"}, "logger.x._target_"),
    "loss": ({"_target_": "lepton.dataset.wine.Wine"}, "loss._target_"),
    "finetune": ({"_target_": "lepton.model.mlp.MLP"}, "finetune._target_"),
    "regularization.x": ({"_target_": "torch.optim.SGD"}, "regularization.x._target_"),
    "metric.x": ({"_target_": "lepton.loss.focal.Focal"}, "metric.x._target_"),
    "callbacks.x": ({"_target_": "lepton.ensemble.mean.Mean"}, "callbacks.x._target_"),
    "evaluation.x": (CALL, "evaluation.x._target_"),
    "model.width": (CALL, "model.width"),
    "model.hidden": ([CALL], "model.hidden.0._target_"),
    "model.dropout": ({**CALL, "_partial_": True}, "model.dropout._target_"),
    "model.activation": ({"_target_": "functools.partial", "_args_": [CALL]}, "model.activation"),
    "model.tokenizer": ({"_target_": "builtins.eval"}, "model.tokenizer._target_"),
    "optimizer.lr": ({"_target_": "torch.optim.SGD", "params": [CALL]}, "optimizer.lr.params.0."),
    "dataset.columns": ({"a": {"b": [CALL]}}, "dataset.columns.a.b.0._target_"),
    "model._partial_": (True, "model._partial_"),
    "model._args_": ([CALL], "model._args_"),
    "model.batch_norm": (LATE, "model.batch_norm._target_"),
    "optimizer.betas": ([ESCAPED], "optimizer.betas.0"),
    "dataset.target": (ESCAPED, "dataset.target"),
}


@pytest.fixture
def hostile_run(run_once):
    """A finished run whose config says something else at one place."""

    def hostile_run(place, value):
        folder = forget_digests(run_once(*RUN))
        config = OmegaConf.create(yaml.safe_load((folder / "config.yaml").read_text()))
        OmegaConf.update(config, place, value, merge=False, force_add=True)
        (folder / "config.yaml").write_text(yaml.safe_dump(OmegaConf.to_container(config)))
        return folder

    return hostile_run


@pytest.mark.slow
@pytest.mark.parametrize("place", HOSTILE)
def test_a_run_whose_config_names_what_its_group_does_not_trust_is_not_loaded(hostile_run, place):
    value, told = HOSTILE[place]
    folder = hostile_run(place, value)
    with pytest.raises(ConfigError) as caught:
        load_model(folder)
    assert any(line.startswith(told) for line in caught.value.problems), caught.value.problems
    assert not Path("hacked").exists()


@pytest.mark.slow
@pytest.mark.parametrize("place", ["model", "model.batch_norm"])
@pytest.mark.parametrize(
    "words",
    [
        ("verify", "RUN"),
        ("evaluate", "RUN", "evaluation=slices"),
        ("explain", "RUN"),
        ("importance", "RUN"),
        ("train", *RUN, "finetune=full", "init_from=RUN"),
        ("ensemble", "runs=[RUN]"),
    ],
    ids=lambda words: words[0],
)
def test_no_command_runs_the_code_that_a_run_names(lepton, hostile_run, words, place):
    value, _ = HOSTILE[place]
    folder = str(hostile_run(place, value))
    code, _, message = lepton(*(word.replace("RUN", folder) for word in words))
    assert code == 2
    notes = ("lepton: ", f"init_from={folder}: ")  # the second of what is read before
    assert all(line.startswith(notes) for line in message.splitlines()), message
    assert not Path("hacked").exists()


@pytest.mark.parametrize("value", [CALL, [CALL], LATE, ESCAPED, {"_partial_": True}])
def test_what_makes_objects_of_an_unchecked_config_refuses_a_hidden_call_itself(run_once, value):
    folder = forget_digests(run_once(*RUN))
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["dataset"]["columns"] = {"a": value}
    with pytest.raises(ConfigError, match="columns"):
        build.data(config)
    config["task"] = {"_target_": "lepton.task.base.Task", "class_weights": value}
    with pytest.raises(ConfigError, match="class_weights"):
        build.task(config, DataSpec.load(folder / "spec.json"))
    assert not Path("hacked").exists()
