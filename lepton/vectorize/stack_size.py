"""Tries stacks before runs train: tells whether they can, and how many are to be one stack."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lepton.compat.lightning import pl
from lepton.compat.torch import OperationListener, tensors_in
from lepton.dataset.data import Data
from lepton.vectorize.batches import StackedBatches, StackedData
from lepton.vectorize.first_steps import FirstStepsGuard
from lepton.vectorize.guard import StackGuard, StackMismatch
from lepton.vectorize.member import StackMember
from lepton.vectorize.stack import Stack, stack_dtype

PARAMETER_COPIES = 8  # in memory: gradients, optimizer, best epoch, and the tensors of a step
MIN_MEMBERS = 2
MIN_UNREPLAYED_MEMBERS = 8  # of a stack whose every step runs through vmap and autograd
COMPARED_STEPS = 5  # with those of a run alone; where all are of one shape the last is a replay
# What one operation of one run makes on average, in bytes: below it, calling the operations is a
# large part of a step on a CPU; above it, arithmetic is all, and a stack saves hardly any time.
MAX_OPERATION_BYTES = 64 * 1024
MIN_THREADED_BYTES = 1024 * 1024  # that an operation of a stack makes, to be worth several threads
CACHED_BYTES = 128 * 1024**2  # of a CPU's stack: what its runs touch in a step, at most
CACHED_MEMBERS = 8  # whatever they touch
GPU_FACTOR = 64  # by which a GPU takes more at once


@dataclass(frozen=True)
class StackPlan:
    """The size and the CPU threads that stacks of a group train with.

    Units: `size` in members, `threads` of the CPU.
    """

    size: int
    threads: int


@dataclass(frozen=True)
class StepWork:
    """What one run's part of a stack's step is, counted in operations and bytes.

    Units: `result_bytes` that all operations make, `held_bytes` that are alive at the same time,
        `weight_bytes` of one copy of its parameters.
    """

    operations: int
    result_bytes: int
    held_bytes: int
    weight_bytes: int
    can_be_replayed: bool

    @property
    def bytes_per_operation(self) -> float:
        return self.result_bytes / max(1, self.operations)

    @property
    def touched_bytes(self) -> int:
        return self.result_bytes + PARAMETER_COPIES * self.weight_bytes


def plan_stacks(
    work: StepWork, *, members: int, held_at_most: int, threads: int, on_gpu: bool
) -> StackPlan | str:
    """The stacks that so many runs are trained in; a reason where each is better alone.

    No clock decides, so that the same sweep is trained in the same way on a busy machine.
    Units: `held_at_most` in members that memory holds.
    """
    factor = GPU_FACTOR if on_gpu else 1
    if work.bytes_per_operation > MAX_OPERATION_BYTES * factor:
        return (
            f"a stack would save little time (an operation makes {work.bytes_per_operation:,.0f} "
            f"bytes for each run, more than {MAX_OPERATION_BYTES * factor:,})"
        )
    cached = max(CACHED_MEMBERS, int(CACHED_BYTES * factor / work.touched_bytes))
    size = min(members, held_at_most, cached)
    if size < MIN_MEMBERS:
        return "memory holds no two of these runs"
    if size < MIN_UNREPLAYED_MEMBERS and not (work.can_be_replayed or on_gpu):
        return f"a stack of less than {MIN_UNREPLAYED_MEMBERS} such runs would save no time"
    is_threaded = size * work.bytes_per_operation >= MIN_THREADED_BYTES
    return StackPlan(size, threads if is_threaded else 1)


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

    def plan(self) -> StackPlan | str:
        """The stacks to train in; a reason where the runs are better trained alone."""
        work = self.work()
        held = 2 * work.held_bytes + PARAMETER_COPIES * work.weight_bytes  # with gradients
        return plan_stacks(
            work,
            members=len(self.members),
            held_at_most=int(self.memory_share * free_bytes(self.device) / held),
            threads=self.threads,
            on_gpu=self.device.type == "cuda",
        )

    def work(self) -> StepWork:
        """What a step of two members asks of the machine, for one of them."""
        stack, batches, rows_by_batch = self._stack(self.members[:2])
        batch = {
            name: batches.spread(tensor) for name, tensor in stack.gather(rows_by_batch[0]).items()
        }
        with MemoryTouched() as forward:
            losses = stack.forward.losses(stack.weights.views, batch, common=batches.common)
        with MemoryTouched() as backward:
            stack.weights.gradients(losses.sum())
        values = stack.weights.values
        return StepWork(
            operations=forward.operations + backward.operations,
            result_bytes=(forward.result_bytes + backward.result_bytes) // 2,
            held_bytes=sum(forward.bytes_by_address.values()) // 2,
            weight_bytes=sum(v[0].numel() * v.element_size() for v in values),
            can_be_replayed=stack.forward.can_be_replayed,
        )


class MemoryTouched(OperationListener):
    """Sums the memory that tensors lie in which operations make; what is freed is used again.
    Counts the operations, and the bytes of their results.

    Hooks on saved tensors would tell what the graph holds, but torch.func.grad forbids them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bytes_by_address: dict[int, int] = {}
        self.operations = self.result_bytes = 0  # without those that only look at what is there

    def heard(self, operation: Any, args: tuple, kwargs: dict[str, Any], results: Any) -> None:
        if not operation.is_view:
            self.operations += 1
            self.result_bytes += sum(t.numel() * t.element_size() for t in tensors_in(results))
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
