"""The contract of what is kept of a network: tied weights keep it; what breaks it is named."""

import pytest
import torch
from torch import nn

from lepton.testing import SavedModelContract
from tests.testing.broken import broken
from tests.testing.test_shipped_options import from_yaml


class Tied(nn.Module):
    """Two layers with one weight, a statistic, and a head."""

    def __init__(self, *, spec):
        super().__init__()
        width = len(spec.num_features) + len(spec.cat_features)
        self.norm = nn.BatchNorm1d(width)
        self.one, self.two = nn.Linear(width, width), nn.Linear(width, width)
        self.two.weight = self.one.weight
        self.head = nn.Linear(width, spec.outputs)

    def features(self, batch):
        inputs = torch.cat([batch[name].float() for name in ("num", "cat") if name in batch], 1)
        return self.two(self.one(self.norm(inputs)).relu())

    def forward(self, batch):
        return self.head(self.features(batch))


class Views(Tied):
    """A parameter that is a view into another one's memory."""

    def __init__(self, *, spec):
        super().__init__(spec=spec)
        self.one.bias = nn.Parameter(self.two.bias.data[:])


class Sometimes(Tied):
    """Ties its weights by a draw."""

    def __init__(self, *, spec):
        tied = torch.rand(1) < 0.5  # with the seed 0 of the first network, not with another's 1
        super().__init__(spec=spec)
        if not tied:
            self.two.weight = nn.Parameter(self.two.weight.detach().clone())


class Unsaved(Tied):
    """Scales by a number drawn when it is built, which is in no file."""

    def __init__(self, *, spec):
        super().__init__(spec=spec)
        self.scale = float(torch.rand(1))

    def forward(self, batch):
        return super().forward(batch) * self.scale


class Secret(Tied):
    """Keeps its statistic out of the state."""

    def __init__(self, *, spec):
        super().__init__(spec=spec)
        self.register_buffer("seen", torch.rand(3), persistent=False)


class Sparse(Tied):
    def __init__(self, *, spec):
        super().__init__(spec=spec)
        self.register_buffer("mask", torch.eye(3).to_sparse())


def contract_of(model):
    class Case(SavedModelContract):
        tasks = ("binary",)

        def build(self, spec):
            return model(spec=spec)

    return Case()


@pytest.mark.parametrize("model", [Tied, Views])
def test_weights_that_share_memory_keep_the_contract(model):
    assert broken(contract_of(model)) == {}


@pytest.mark.parametrize(
    ("model", "name", "message"),
    [
        (Sometimes, "test_shared_parameters_are_shared_after_loading", "must be one after loading"),
        (Unsaved, "test_a_trained_state_is_read_as_it_was_written", "saved and loaded must give"),
        (Unsaved, "test_the_average_of_its_weights_is_saved", "an average that was saved"),
        (Unsaved, "test_the_mean_of_two_is_a_network", "a soup that was saved and loaded"),
        (Secret, "test_buffers_are_part_of_the_file", "read as they were saved; ['seen'] are not"),
        (Sparse, "test_a_trained_state_is_read_as_it_was_written", "must be saved as safetensors"),
    ],
)
def test_what_breaks_it_is_named(model, name, message):
    assert message in broken(contract_of(model))[name]


class TestMLP(SavedModelContract):
    """A network that is shipped, with layers, and so with adapters."""

    tasks = ("multiclass",)

    def build(self, spec):
        return from_yaml("model", "mlp", {"hidden": [8, 8]}, spec=spec)
