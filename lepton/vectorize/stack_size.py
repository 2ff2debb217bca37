"""Tries stacks before runs train: tells whether they can, and how many at a time are fastest."""

import copy
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lepton import build
from lepton.compat.lightning import pl
from lepton.compat.torch import OperationListener, tensors_in
from lepton.dataset.data import Data
from lepton.optimizer.parameter_groups import parameter_groups
from lepton.randomness.draw import Draw
from lepton.randomness.streams import DrawStreams
from lepton.sweep.parallelism import POOL_START_SECONDS, seconds_saved
from lepton.training.loss import stream_names, training_loss
from lepton.vectorize.batches import StackedBatches, StackedData
from lepton.vectorize.first_steps import FirstStepsGuard
from lepton.vectorize.guard import StackGuard, StackMismatch
from lepton.vectorize.member import StackMember
from lepton.vectorize.stack import Stack, stack_dtype

MIN_MEASURED_SECONDS = 0.03  # that the steps of one measurement take together
PARAMETER_COPIES = 8  # in memory: gradients, optimizer, best epoch, and the tensors of a step
MIN_MEMBERS = 2
COMPARED_STEPS = 5  # with those of a run alone; where all are of one shape the last is a replay
EPOCH_SECONDS = 0.005  # of an epoch apart from its steps, once for a stack
SMALLER_SIZES = (32, 8)  # stacks that fit a cache better
MAX_TIME_RATIO = 0.8  # of a smaller stack's time for a run to a larger one's, to be preferred


@dataclass(frozen=True)
class StackPlan:
    """The size and the CPU threads that stacks of a group train with.

    Units: `size` in members, `threads` of the CPU, `seconds` that a step takes for each member.
    """

    size: int
    threads: int
    seconds: float = 0.0


class StackTrial:
    """Tries steps of stacks and of a run alone, on copies: the members stay as they are."""

    def __init__(
        self,
        members: Sequence[StackMember],
        data: Data,
        trainer: pl.Trainer,
        *,
        threads: int,
        memory_share: float,
    ):
        """`threads`: CPU threads; `memory_share`: the part of free memory that a stack may use."""
        self.members, self.data = members, data
        self.threads, self.memory_share = threads, memory_share
        self.device, self.dtype = trainer.strategy.root_device, stack_dtype(trainer)
        self.batches = data.train_dataloader().num_batches
        self.overhead = EPOCH_SECONDS / self.batches  # seconds for each step
        self.accumulate = members[0].job.config["trainer"]["accumulate_grad_batches"]

    def _stack(
        self, members: Sequence[StackMember], guard: StackGuard | None = None
    ) -> tuple[Stack, StackedBatches, list[Tensor]]:
        """A stack at the start of an epoch, its batches, and the rows of the first of them."""
        data = StackedData(self.data, [member.seed for member in members])
        stack = Stack(
            members,
            data,
            accumulate=self.accumulate,
            device=self.device,
            dtype=self.dtype,
            guard=guard,
        )
        stack.start_epoch(0)
        batches = data.train_dataloader()
        return stack, batches, list(next(iter(batches)).split(batches.batch_size, -1))

    def mismatch(self) -> str | None:
        """The reason why a stack would not compute what its runs do alone; None where it does.

        Compares the first steps of two members.
        """
        pair = [self.members[0], self.members[-1]]
        try:
            stack, batches, rows_by_batch = self._stack(pair, FirstStepsGuard(pair[0].seed))
            stack.train_batch(rows_by_batch[0], batches)
            attributes = stack.forward.attributes()
            for rows in rows_by_batch[1:COMPARED_STEPS]:
                stack.train_batch(rows, batches)
        except StackMismatch as e:
            return str(e)
        except Exception as e:
            return f"the model cannot be stacked ({' '.join(str(e).split())[:200]})"
        for name, value in stack.forward.attributes().items():
            if value is not attributes.get(name):
                return f"{name} changes in a step, and a stack has one for all its runs"
        return None

    def _draws_alone(self, member: StackMember) -> list[Draw]:
        """What a run's methods draw from in its first step."""
        names = stream_names(member.network.methods)
        streams = DrawStreams([member.seed], names, self.device)
        streams.start_epoch(0)
        return streams.draws(streams.keys[0])

    def fastest(self, runs_at_once: int) -> StackPlan | str:
        """The stack that trains a run fastest; a reason where one by one is faster still.

        `runs_at_once`: how many runs a pool would train at the same time, where that paid.
        """
        max_size = min(len(self.members), self._max_members())
        if max_size < MIN_MEMBERS:
            return "memory holds no two of these runs"
        seconds_alone = self._seconds_alone() + self.overhead
        epochs = sum(member.job.config["trainer"]["max_epochs"] for member in self.members)
        if seconds_saved(seconds_alone * self.batches * epochs, runs_at_once) > POOL_START_SECONDS:
            seconds_alone /= runs_at_once
        plan = self._measured(max_size)
        for size in SMALLER_SIZES:
            if size < max_size:
                smaller = self._measured(size)
                if smaller.seconds < MAX_TIME_RATIO * plan.seconds:
                    plan = smaller
        if plan.seconds < seconds_alone:
            return plan
        return (
            f"a stack would be slower ({1e3 * plan.seconds:.2f} ms a run and step, one by one "
            f"{1e3 * seconds_alone:.2f} ms)"
        )

    def _measured(self, size: int) -> StackPlan:
        """A stack of so many members, with all threads or one, whichever is faster."""
        stack, batches, rows_by_batch = self._stack(self.members[:size])
        plans = []

        def step() -> None:
            if len(stack.batch_losses) == batches.num_batches:  # schedules know no later step
                stack.start_epoch(0)
            stack.train_batch(rows_by_batch[0], batches)

        for threads in dict.fromkeys((self.threads, 1)):
            with cpu_threads(threads):
                seconds = self._seconds_of(step) + self.overhead
            plans.append(StackPlan(size, threads, seconds / size))
        return min(plans, key=lambda plan: plan.seconds)

    def _seconds_alone(self) -> float:
        """Seconds of a step of a run alone."""
        network, config = self.members[0].network, self.members[0].job.config
        model = copy.deepcopy(network.trained_module).to(self.device, self.dtype)
        optimizer = build.component(config, "optimizer", params=parameter_groups(model))
        stack, _, rows_by_batch = self._stack(self.members[:1])
        rows = rows_by_batch[0].flatten()

        def step() -> None:
            batch = stack.gather(rows)
            draws = self._draws_alone(self.members[0])
            training_loss(model, network.task, network.methods, batch, draws).backward()
            optimizer.step()
            optimizer.zero_grad()

        with cpu_threads(config["trainer"]["threads"] or self.threads):
            return self._seconds_of(step)

    def _seconds_of(self, step: Callable[[], None]) -> float:
        """Seconds of the fastest step, so that what else the machine does counts less."""
        seconds = []
        while len(seconds) < 3 or sum(seconds) < MIN_MEASURED_SECONDS:
            started = time.perf_counter()
            step()
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
            seconds.append(time.perf_counter() - started)
        return min(seconds)

    def _max_members(self) -> int:
        """The number of members that memory holds, from the tensors that a step of two makes."""
        stack, batches, rows_by_batch = self._stack(self.members[:2])
        batch = {
            name: batches.spread(tensor) for name, tensor in stack.gather(rows_by_batch[0]).items()
        }
        with MemoryTouched() as memory:
            stack.forward.losses(stack.weights.views, batch, common=batches.common)
        step_bytes = sum(memory.bytes_by_address.values()) / 2
        values = stack.weights.values
        weight_bytes = PARAMETER_COPIES * sum(v[0].numel() * v.element_size() for v in values)
        # twice the step: the gradients of what it holds
        return int(self.memory_share * free_bytes(self.device) / (2 * step_bytes + weight_bytes))


class MemoryTouched(OperationListener):
    """Sums the memory that tensors lie in which operations make; what is freed is used again.

    Hooks on saved tensors would tell what the graph holds, but torch.func.grad forbids them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bytes_by_address: dict[int, int] = {}

    def heard(self, operation: Any, args: tuple, kwargs: dict[str, Any], results: Any) -> None:
        for tensor in tensors_in(results):
            storage = tensor.untyped_storage()
            address, size = storage.data_ptr(), storage.nbytes()
            self.bytes_by_address[address] = max(size, self.bytes_by_address.get(address, 0))


def free_bytes(device: torch.device) -> int:
    """Memory that is free on a GPU, or in the machine."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        lines = dict(line.split(":") for line in meminfo.read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def cpu_threads(count: int) -> Iterator[None]:
    """Computes with so many CPU threads meanwhile."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
