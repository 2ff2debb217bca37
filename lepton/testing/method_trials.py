"""Trials of methods: hooks watched for random numbers that are not the run's own, and a stack."""

import math
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lepton.dataset.data import Data
from lepton.randomness.streams import DrawStreams
from lepton.sweep.job import Job
from lepton.training.loss import stream_names, training_loss
from lepton.training.network import Network
from lepton.training.row_chances import with_row_chances
from lepton.vectorize.batches import StackedData
from lepton.vectorize.checkpointing import StackSaver
from lepton.vectorize.hyperparameters import MemberSchedule
from lepton.vectorize.member import StackMember
from lepton.vectorize.module import StackedTrainingModule
from lepton.vectorize.stack_training import build_trainer

WATCHED_BATCHES = 8


def moved_generators(network: Network, data: Data) -> set[str]:
    """The global generators of random numbers that the losses of a few batches draw from."""
    streams = DrawStreams([0], stream_names(network.methods), torch.device("cpu"))
    streams.start_epoch(0)
    moved = set()
    for method in network.methods:
        method.on_epoch(network.model, 0)
    with torch.random.fork_rng():
        for step, batch in enumerate(next(iter(data.train_dataloader()))[:WATCHED_BATCHES]):
            streams.set_step(step)
            before = _states()
            draws = streams.draws(streams.keys[0])
            training_loss(network.model, network.task, network.methods, batch, draws)
            moved |= {name for name, state in _states().items() if state != before[name]}
    return moved


def _states() -> dict[str, Any]:
    """The states of the global generators, as values that can be compared."""
    numpy_state = np.random.get_state()
    return {
        "torch": torch.get_rng_state().tolist(),
        "numpy": [part.tolist() if isinstance(part, np.ndarray) else part for part in numpy_state],
        "random": random.getstate(),
    }


def failure_as_stack(networks: Sequence[Network], data: Data) -> str:
    """Trains networks as one stack, or says why it cannot; then nothing has been learned."""
    try:
        _train_as_stack(networks, data)
    except Exception as error:
        return " ".join(f"{type(error).__name__}: {error}".split())
    return ""


def _train_as_stack(networks: Sequence[Network], data: Data) -> None:
    """Each ends with the weights of its best epoch."""
    data = with_row_chances(data, networks[0].methods)
    train = data.train_dataloader()
    with tempfile.TemporaryDirectory() as folder:
        members = []
        for number, network in enumerate(networks):
            job = Job((), network.config, Path(folder, str(number)))
            accumulate = network.config["trainer"]["accumulate_grad_batches"]
            steps = math.ceil(train.num_batches / accumulate)
            schedule = MemberSchedule(network.config, steps=steps, values_by_config={})
            members.append(StackMember(job, network, schedule, {}))
            members[-1].logger = None
        module = StackedTrainingModule(
            members,
            StackedData(data, [member.seed for member in members]),
            accumulate=accumulate,
            on_members_end=lambda members: None,
            saver=StackSaver(None),
        )
        with torch.random.fork_rng():
            build_trainer(members).fit(module, datamodule=module.data)
