"""Only code that says so itself is left out of replayed steps; what lepton ships stays fast."""

import numpy as np
import pytest
import torch
from torch import nn

from lepton import build
from lepton.method import Method
from lepton.model.mlp import MLP
from lepton.regularization.ema import EMA
from lepton.regularization.l1 import L1
from lepton.sweep.multirun import plan_runs
from lepton.task.choice import TASKS
from lepton.task.regression import Regression
from lepton.training.dropout_masks import MaskStream
from lepton.training.learner import build_network
from lepton.vectorize.forward import StackedForward
from lepton.vectorize.replayable import is_replayable


class Noise(Method):
    def on_batch(self, batch):
        return batch | {"num": batch["num"] + np.random.rand()}


class SaysSo(Noise):
    replayable = True


class Inherits(SaysSo):
    pass


class OwnMLP(MLP):
    pass


class OwnTask(Regression):
    pass


class OwnLinear(nn.Linear):
    pass


class Hook:
    replayable = True

    def __call__(self, module, inputs):
        pass


def test_classes_speak_for_themselves_alone():
    answers = {SaysSo(): True, Noise(): False, Inherits(): False, Method(): True}
    answers |= {L1(rate=0.1): True, EMA(decay=0.5): True}  # whose hooks lie around the step
    answers |= {nn.Linear(1, 1): True, OwnLinear(1, 1): False}
    assert {owner: is_replayable(owner) for owner in answers} == answers
    assert not is_replayable(object.__new__(OwnTask))
    assert is_replayable(object.__new__(Regression))


def test_a_hook_on_a_layer_must_say_so_too():
    layer = nn.Linear(1, 1)
    layer.register_forward_pre_hook(Hook())
    assert is_replayable(layer)
    layer.register_forward_hook(lambda module, inputs, output: output * np.random.rand())
    assert not is_replayable(layer)


SHIPPED = {
    "linear": ("model=linear",),
    "mlp": ("model=mlp_small", "model.num_embedding=none"),
    "methods": ("model=mlp_small", "regularization=[dropout,l1,label_smoothing,ema]"),
}


@pytest.mark.slow
@pytest.mark.parametrize("options", SHIPPED)
def test_what_lepton_ships_for_tables_is_replayed(here, options):
    overrides = ("dataset=synthetic", "dataset.rows=60", *SHIPPED[options])
    (job,) = plan_runs(overrides, sweep=False).jobs
    network = build_network(job.config, build.data(job.config).spec)
    forward = StackedForward([network, network], MaskStream([0, 0]), torch.float32)
    assert forward.can_be_replayed


def test_every_shipped_task_is_replayed():
    assert all(is_replayable(object.__new__(task)) for task in TASKS.values())
