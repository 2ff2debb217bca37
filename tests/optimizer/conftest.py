"""A network with every kind of parameter, and optimizers as their YAML files describe them."""

from pathlib import Path

import pytest
import torch
from hydra.utils import get_object
from omegaconf import OmegaConf

from lepton.optimizer.parameter_groups import parameter_groups
from lepton.testing.optimizer import CODES, SmallNetwork

CONF = Path(__file__).parents[2] / "conf" / "optimizer"


@pytest.fixture
def network():
    torch.manual_seed(0)
    return SmallNetwork()


@pytest.fixture
def codes():
    return CODES


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
