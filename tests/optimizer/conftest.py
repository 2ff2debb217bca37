"""A network with every kind of parameter, and optimizers as their YAML files describe them."""

from pathlib import Path

import pytest
import torch
from hydra.utils import get_object
from omegaconf import OmegaConf
from torch import nn

from lepton.model.inputs import CategoryEmbeddings
from lepton.optimizer.parameter_groups import parameter_groups

CONF = Path(__file__).parents[2] / "conf" / "optimizer"


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.categories = CategoryEmbeddings(cardinalities=(4, 6), width=4)
        self.layers = nn.Sequential(
            *(nn.Linear(8, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 12), nn.Tanh())
        )
        self.frozen = nn.Linear(12, 12).requires_grad_(False)
        self.output = nn.Linear(12, 1)

    def forward(self, codes):
        return self.output(self.frozen(self.layers(self.categories(codes).flatten(1))))


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Network()


@pytest.fixture
def codes():
    return torch.stack([torch.arange(24) % 4, torch.arange(24) % 6], 1)


@pytest.fixture
def optimizer_of():
    """The optimizer that a YAML describes, over a network's groups, ready to step."""

    def make(name, network, **changes):
        values = OmegaConf.to_container(OmegaConf.load(CONF / f"{name}.yaml"))
        target = get_object(values.pop("_target_"))
        optimizer = target(params=parameter_groups(network), **values | changes)
        getattr(optimizer, "train", lambda: None)()  # schedule-free ones start in evaluation
        return optimizer

    return make
