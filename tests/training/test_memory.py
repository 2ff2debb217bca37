"""What trainings leave in the memory of a process that trains many."""

import gc
import weakref

import pytest

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.training.learner import build_learner

TINY = ("dataset=synthetic", "dataset.rows=60", "trainer=cpu", "trainer.max_epochs=1")
OWN = ("model=mlp_small", "model.hidden=[1100,1000]")  # over a million parameters


@pytest.fixture
def no_collector():
    gc.disable()
    yield
    gc.enable()


def trained_model(folder, *words):
    """A reference, which keeps nothing, to the model of a training that is over."""
    config = check(compose(*TINY, *words))
    data = build.data(config)
    learner = build_learner(config, data.spec)
    learner.fit(data, folder)
    return weakref.ref(learner.model)


@pytest.mark.slow
def test_a_training_frees_what_a_large_one_before_it_left(tmp_path, no_collector):
    large = trained_model(tmp_path / "large", *OWN)
    assert large() is not None  # Lightning's objects keep each other
    small = trained_model(tmp_path / "small", "model=mlp_small", "model.hidden=[4]")
    assert large() is None
    trained_model(tmp_path / "other", "model=mlp_small", "model.hidden=[4]")
    assert small() is not None  # nothing that a look through all objects is worth
