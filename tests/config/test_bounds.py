"""Numbers that mean nothing are refused before anything is read, whichever option has them."""

import pytest

from lepton.config.compose import compose
from lepton.errors import ConfigError

REFUSED = [
    "model=mlp model.hidden=[0]",
    "model=mlp model.bins=0",
    "model=mlp model.dropout=1",
    "model=resnet model.width=-1",
    "model=tabm model.k=0",
    "model=ft_transformer model.blocks=0",
    "model=gradient_boosting model.learning_rate=0",
    "preprocessing=quantile preprocessing.noise=-1",
    "dataset=synthetic dataset.labels=-1",
    "dataset=wine dataset.min_identifier_values=-1",
    "metric=pinball metric.pinball.level=1",
    "optimizer=sgd optimizer.lr=0",
    "optimizer=muon optimizer.lr=-1",
    "scheduler=step scheduler.step_size=0",
    "scheduler=exponential scheduler.gamma=-1",
    "scheduler=cosine scheduler.final=2",
]


@pytest.mark.slow
@pytest.mark.parametrize("words", REFUSED)
def test_a_number_out_of_bounds_is_one_line(words):
    *options, mistake = words.split()
    with pytest.raises(ConfigError) as error:
        compose(*options, mistake)
    (line,) = error.value.problems
    key, value = mistake.split("=")
    assert line.startswith(f"{key}: {value} is not ")


def test_every_number_of_an_optimizer_that_lepton_does_not_know_is_its_own(here, monkeypatch):
    (here / "theirs.py").write_text("class Mine:\n    def __init__(self, params, lr): pass\n")
    monkeypatch.syspath_prepend(str(here))
    with pytest.raises(ConfigError) as error:
        compose("optimizer._target_=theirs.Mine", "optimizer.lr=0")
    assert "optimizer.lr" not in str(error.value)
