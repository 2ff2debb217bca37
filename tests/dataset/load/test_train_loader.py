"""The loaders of tables and of texts keep what training asks of them."""

import pytest

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.dataset.load.batches import TrainingBatches
from lepton.dataset.load.length_batches import LengthTrainingBatches
from lepton.dataset.load.train_loader import TrainLoader
from tests.protocols import breaches, protocol_members

TABLE = ("dataset=synthetic", "dataset.rows=200", "model=mlp_small")
TEXT = ("dataset=vader", "dataset.source=reviews", "model=text_cnn")
LOADERS = [(TABLE, TrainingBatches), (TEXT, LengthTrainingBatches)]


@pytest.mark.slow
@pytest.mark.parametrize(("overrides", "kind"), LOADERS)
def test_both_kinds_of_loader_keep_the_protocol(overrides, kind):
    loader = build.data(check(compose(*overrides))).train_dataloader()
    assert type(loader) is kind
    assert breaches(loader, TrainLoader) == []


def test_the_protocol_names_all_that_training_uses():
    attributes, methods = protocol_members(TrainLoader)
    assert attributes == {"sampler", "batch_size", "rows", "num_batches", "done"}
    assert {*methods} == {"__len__", "__iter__"}
