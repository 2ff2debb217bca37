"""A small network that has learned the digits of scikit-learn, for attacks to be compared on."""

import functools
from dataclasses import replace

import torch
from sklearn.datasets import load_digits
from torch import nn

from lepton.attack.attacked_inputs import AttackedInputs
from lepton.attack.column_rules import ColumnRules
from lepton.dataset.inputs.image import ImageInputs
from lepton.example import make_specs
from lepton.spec import DataSpec
from lepton.task.base import Task
from tests.attack.linear import task_of

WHITE = 255
HELD_BACK = 800
STEPS = 60


class Digits(nn.Module):
    """A network of pixels from 0 to 1. Shapes: (B, 1, 8, 8) -> (B, 10)."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10)
        )

    def forward(self, pixels):
        return self.layers(pixels)


@functools.cache
def digits_case(norm) -> tuple[Digits, Task, DataSpec, dict]:
    """The trained network, its task and spec, and a batch of pictures it has not seen.

    For l2 pixels are grey: attacks differ in how they divide a change among those that are white.
    """
    pictures, numbers = load_digits(return_X_y=True)
    pixels = torch.tensor(pictures / 16).float().reshape(-1, 1, 8, 8)
    pixels = pixels if norm == "linf" else 0.25 + pixels / 2
    target = torch.tensor(numbers)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Digits()
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(pixels[HELD_BACK:]), target[HELD_BACK:])
        loss.backward()
        optimizer.step()
    spec = next(iter(make_specs("multiclass", [ImageInputs])))
    spec = replace(spec, outputs=10, classes=tuple("0123456789"), class_counts=(100,) * 10)
    batch = {
        "image": pixels[:HELD_BACK] * WHITE,
        "target": target[:HELD_BACK],
        "id": torch.arange(HELD_BACK),
    }
    return network.eval().requires_grad_(False), task_of(spec), spec, batch


def forward_of(norm):
    """What gives the logits of a batch."""
    return lambda batch: digits_case(norm)[0](batch["image"] / WHITE)


def around(epsilon, norm):
    """The neighbourhood of the batch."""
    _, _, spec, batch = digits_case(norm)
    return AttackedInputs(spec, ColumnRules("attack")).around(batch, epsilon=epsilon, norm=norm)
