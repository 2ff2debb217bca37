"""A linear model of a table with wide ranges, of which the worst change is known."""

from dataclasses import replace

import torch

from lepton.example import make_spec
from lepton.spec import QUANTILE_LEVELS
from lepton.task import task_for

WEIGHTS = torch.tensor([0.8, -0.3, 0.0, 0.5])
REACHES = (10.0, 20.0, 40.0, 30.0)  # of the numbers, which lie evenly from minus to plus this
UNITS = torch.tensor(REACHES) / 3**0.5  # the standard deviation of even numbers


def linear_case(task="binary", rows=6):
    """The spec of the table, its task, a batch near the middle, and the model."""
    steps = torch.linspace(-1, 1, QUANTILE_LEVELS, dtype=torch.float64)
    quantiles = tuple(tuple((steps * reach).tolist()) for reach in REACHES)
    spec = replace(make_spec(task, numbers=4, cardinalities=()), quantiles=quantiles)
    generator = torch.Generator().manual_seed(3)
    target = torch.randn(rows, generator=generator)
    target = (target > 0).float() if task == "binary" else target
    num = torch.randn(rows, 4, generator=generator)
    return spec, task_of(spec), {"num": num, "target": target, "id": torch.arange(rows)}


def task_of(spec):
    return task_for(spec, class_weights=None, monitor=None)


def linear(batch):
    return (batch["num"] @ WEIGHTS.to(batch["num"]) + 0.1)[:, None]
