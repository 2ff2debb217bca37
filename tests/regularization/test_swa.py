"""SWA beside torch.optim.swa_utils, which averages and learns statistics in its own way."""

import copy

import pytest
import pytorch_lightning as pl
import torch
from torch.optim.swa_utils import AveragedModel, update_bn

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.errors import ConfigError
from lepton.method import Method
from lepton.regularization.swa import SWA
from lepton.testing import check_method
from lepton.training.learner import build_network
from tests.vectorize.test_job_group import train_stacked

SMALL = (
    *("dataset=synthetic", "dataset.classes=3", "dataset.rows=160", "batch_size=16"),
    *("model=mlp", "model.hidden=[8]", "optimizer.lr=0.03", "trainer=cpu", "trainer.max_epochs=5"),
    "trainer.progress=false",
)
AVERAGED = ("regularization=swa", "regularization.swa.after=0.5")
NORMALIZED = ("model.normalization=batch", "model.dropout=0")


class Recorder(Method):
    """Keeps the state of the model as trained, and as validated, of every epoch."""

    def __init__(self):
        self.trained, self.validated = [], []

    def callbacks(self):
        def record(states):
            return lambda trainer, module: states.append(copy.deepcopy(module.model.state_dict()))

        return [
            pl.callbacks.LambdaCallback(
                on_train_epoch_end=record(self.trained),
                on_validation_epoch_end=record(self.validated),
            )
        ]


def fit(folder, *overrides, factor=1.0):
    """Trains by a task that gives the model the numbers of a row times a factor."""
    config = check(compose(*SMALL, *overrides, "trainer.precision=64-true"))
    data = build.data(config)
    network, recorder = build_network(config, data.spec), Recorder()
    model = copy.deepcopy(network.model).double()
    network.methods.append(recorder)
    network.task.forward = lambda model, batch: model({**batch, "num": factor * batch["num"]})
    network.fit(data, folder)
    return model, data, recorder


@pytest.mark.slow
@pytest.mark.parametrize("words", [NORMALIZED, ("model.dropout=0.2",)])
def test_what_is_validated_is_torchs_average_with_statistics_learned_anew(words, tmp_path):
    model, data, recorder = fit(tmp_path, *AVERAGED, *words, factor=3.0)
    averaged = AveragedModel(model)
    for epoch, trained in enumerate(recorder.trained):
        if epoch < 2:  # int(0.5 * 5) epochs are not averaged
            expected = trained
        else:
            model.load_state_dict(trained)
            averaged.update_parameters(model)
            loader = data.train_dataloader()
            loader.sampler.set_epoch(epoch)
            batches = [
                {n: t.double() if t.is_floating_point() else t for n, t in batch.items()}
                for block in loader
                for batch in block
            ]
            update_bn([{**batch, "num": 3 * batch["num"]} for batch in batches], averaged)
            expected = averaged.module.state_dict()
        for name, value in recorder.validated[epoch].items():
            torch.testing.assert_close(value, expected[name], rtol=1e-9, atol=1e-9)


@pytest.mark.slow
def test_training_goes_on_from_the_trained_weights(tmp_path):
    _, _, recorder = fit(tmp_path, *AVERAGED, *NORMALIZED)
    _, _, plain = fit(tmp_path / "plain", *NORMALIZED)
    for state, expected in zip(recorder.trained, plain.trained, strict=True):
        for name, value in state.items():
            assert torch.equal(value, expected[name])


@pytest.mark.slow
def test_with_batch_normalization_a_stopped_training_goes_on_exactly():
    check_method(SWA(after=0.3), "model=mlp", "model.normalization=batch", "optimizer.eps=1e-5")


@pytest.mark.slow
def test_with_batch_normalization_runs_are_trained_one_by_one_and_told_why(here):
    _, reasons = train_stacked(*SMALL, *AVERAGED, *NORMALIZED, "seed=1,2")
    assert set(reasons) == {
        "regularization.swa learns statistics of BatchNorm anew, from each run's own batches"
    }


@pytest.mark.slow
def test_what_makes_no_sense_is_refused_in_a_line():
    with pytest.raises(ConfigError, match=r"regularization\.swa\.after: 1 is not a share"):
        SWA(after=1)
    with pytest.raises(ConfigError, match=r"regularization\.ema, regularization\.swa: each aver"):
        check(compose("regularization=[ema,swa]"))
    with pytest.raises(ConfigError, match=r"swa, trainer\.patience: training may end before"):
        check(compose("regularization=swa", "trainer.patience=5"))
    with pytest.raises(ConfigError, match=r"swa, regularization\.early_stopping: training may end"):
        check(compose("regularization=[early_stopping,swa]"))
    with pytest.raises(ConfigError, match="leave out swa or use another optimizer"):
        check(compose("regularization=swa", "optimizer=schedule_free_adamw", "scheduler=none"))
