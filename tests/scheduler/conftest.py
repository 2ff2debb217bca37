"""Schedulers as their YAML files describe them, and the learning rates they give."""

from pathlib import Path

import pytest
import torch
from hydra.utils import get_object
from omegaconf import OmegaConf

CONF = Path(__file__).parents[2] / "conf" / "scheduler"


@pytest.fixture
def sgd():
    def make(lr=0.5):
        network = torch.nn.Linear(2, 1)
        groups = [{"params": [network.weight]}, {"params": [network.bias], "weight_decay": 0.0}]
        return torch.optim.SGD(groups, lr=lr)

    return make


@pytest.fixture
def scheduler_of():
    def make(name, optimizer, **changes):
        file = OmegaConf.load(CONF / f"{name}.yaml")
        tree = {"optimizer": {"lr": 0.5}, "scheduler": file.get("scheduler", file)}
        values = OmegaConf.to_container(OmegaConf.create(tree), resolve=True)["scheduler"]
        return get_object(values.pop("_target_"))(optimizer=optimizer, **values | changes)

    return make


@pytest.fixture
def rates():
    """The learning rates of `count` steps, the same in every group."""

    def follow(scheduler, count):
        optimizer, learning_rates = scheduler.optimizer, []
        for _ in range(count):
            assert len({group["lr"] for group in optimizer.param_groups}) == 1
            learning_rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        return learning_rates

    return follow
