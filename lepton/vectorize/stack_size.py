"""Before runs are stacked: whether they may be, and how many at a time on this machine."""

import copy
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from lepton import build
from lepton.optimizer.parameter_groups import parameter_groups
from lepton.sweep.parallelism import POOL_START_SECONDS, seconds_saved
from lepton.training.loss import training_loss
from lepton.vectorize.batches import StackedBatches, StackedData
from lepton.vectorize.member import StackMember
from lepton.vectorize.stack import Stack

MIN_MEASURED_SECONDS = 0.03  # of steps that a measurement takes at least
PARAMETER_COPIES = 8  # of the parameters: gradients, optimizer, best epoch, and what a step makes
MIN_MEMBERS = 2
EPOCH_OVERHEAD_SECONDS = 0.005  # seconds of an epoch apart from its steps, once for a stack
SMALLER_SIZES = (32, 8)  # stacks that fit a cache better
WORTHWHILE_RATIO = 0.8  # of a larger stack's time a run, from which a smaller one is taken


@dataclass(frozen=True)
class StackPlan:
    """Members of a stack, CPU threads, and seconds that a step takes for each member."""

    size: int
    threads: int
    seconds: float = 0.0


class StackTrial:
    """Steps of stacks and of a run alone, on copies: the members stay as they are."""

    def __init__(
        self, members: Sequence[StackMember], data, trainer, *, threads: int, share: float
    ):
        self.members, self.data, self.threads, self.share = members, data, threads, share
        self.device = trainer.strategy.root_device
        self.dtype = torch.float64 if trainer.precision == "64-true" else torch.float32
        self.batches = data.train_dataloader().num_batches
        self.overhead = EPOCH_OVERHEAD_SECONDS / self.batches
        self.accumulate = members[0].job.config["trainer"]["accumulate_grad_batches"]

    def _stack(self, members: Sequence[StackMember]) -> tuple[Stack, StackedBatches, Tensor]:
        """A stack at the start of an epoch, and the rows of its first batch."""
        data = StackedData(self.data, [member.seed for member in members])
        stack = Stack(
            members, data, accumulate=self.accumulate, device=self.device, dtype=self.dtype
        )
        stack.start(0)
        batches = data.train_dataloader()
        return stack, batches, next(iter(batches))[..., : batches.batch_size]

    def mismatch(self) -> str | None:
        """Whether losses or gradients of a stack differ from those of its runs, without noise."""
        pair = [self.members[0], self.members[-1]]
        try:
            stack, _, rows = self._stack(pair)
            batch = stack.gather(rows if rows.ndim == 1 else rows[0])
            losses = stack.body.losses(stack.weights.views, batch, common=True, training=False)
            stacked = stack.weights.gradients(losses.sum())
        except Exception as e:
            return f"the model cannot be stacked ({' '.join(str(e).split())[:200]})"
        precise = 1e-9 if self.dtype == torch.float64 else 1e-3
        for row, member in enumerate(pair):
            loss, grads = self._alone(member, batch, stack.weights.names)
            own = torch.cat([grad[row] for grad in stacked])
            gap = (own - grads).norm()
            if abs(losses[row] - loss) > precise * (1 + abs(loss)) or gap > precise * (
                1 + grads.norm()
            ):
                return "the stack computes another loss than the run alone"
        return None

    def _alone(self, member: StackMember, batch, names: list[str]) -> tuple[Tensor, Tensor]:
        network = member.network
        model = copy.deepcopy(network.trained_module).to(self.device, self.dtype).eval()
        named = dict(model.named_parameters())
        loss = training_loss(model, network.task, network.methods, batch)
        grads = torch.autograd.grad(loss, [named[name] for name in names])
        return loss.detach(), torch.cat([grad.flatten() for grad in grads])

    def best(self, alone: int) -> StackPlan | str:
        """The stack that trains a run fastest; a reason where one by one is faster still.

        `alone`: how many runs would train at the same time in a pool, where that paid.
        """
        most = min(len(self.members), self._fits())
        if most < MIN_MEMBERS:
            return "memory holds no two of these runs"
        single = self._seconds_alone() + self.overhead
        epochs = sum(member.job.config["trainer"]["max_epochs"] for member in self.members)
        if seconds_saved(single * self.batches * epochs, alone) > POOL_START_SECONDS:
            single /= alone
        best = self._measured(most)
        for size in (s for s in SMALLER_SIZES if s < most):
            smaller = self._measured(size)
            if smaller.seconds < WORTHWHILE_RATIO * best.seconds:
                best = smaller
        if best.seconds < single:
            return best
        return (
            f"a stack would be slower ({1e3 * best.seconds:.2f} ms a run and step, one by one "
            f"{1e3 * single:.2f} ms)"
        )

    def _measured(self, size: int) -> StackPlan:
        """A stack of so many members, with all threads or one, whichever is faster."""
        stack, batches, rows = self._stack(self.members[:size])
        found = []

        def step():
            if len(stack.losses) == batches.num_batches:  # schedules know no later step
                stack.start(0)
            stack.train(rows, batches)

        for threads in dict.fromkeys((self.threads, 1)):
            with cpu_threads(threads):
                seconds = self._timed(step) + self.overhead
            found.append(StackPlan(size, threads, seconds / size))
        return min(found, key=lambda choice: choice.seconds)

    def _seconds_alone(self) -> float:
        network, cfg = self.members[0].network, self.members[0].job.config
        model = copy.deepcopy(network.trained_module).to(self.device, self.dtype)
        optimizer = build.component(cfg, "optimizer", params=parameter_groups(model))
        stack, _, rows = self._stack(self.members[:1])
        rows = rows.flatten()

        def step():
            batch = stack.gather(rows)
            training_loss(model, network.task, network.methods, batch).backward()
            optimizer.step()
            optimizer.zero_grad()

        with cpu_threads(cfg["trainer"]["threads"] or self.threads):
            return self._timed(step)

    def _timed(self, step: Callable[[], None]) -> float:
        """Seconds of the fastest step, so that what else the machine does counts less."""
        took = []
        while len(took) < 3 or sum(took) < MIN_MEASURED_SECONDS:
            started = time.perf_counter()
            step()
            self._wait()
            took.append(time.perf_counter() - started)
        return min(took)

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def _fits(self) -> int:
        """How many members memory holds, from what the graph of a step keeps for two of them."""
        stack, batches, rows = self._stack(self.members[:2])
        kept: dict[int, int] = {}

        def pack(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            kept[storage.data_ptr()] = storage.nbytes()
            return tensor

        batch = {name: batches.spread(part) for name, part in stack.gather(rows).items()}
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            stack.body.losses(stack.weights.views, batch, common=batches.common)
        own = PARAMETER_COPIES * sum(v[0].numel() * v.element_size() for v in stack.weights.values)
        return int(self.share * self._free() / (2 * sum(kept.values()) / 2 + own))

    def _free(self) -> int:
        if self.device.type == "cuda":
            return torch.cuda.mem_get_info(self.device)[0]
        meminfo = Path("/proc/meminfo")
        if meminfo.is_file():
            lines = dict(line.split(":") for line in meminfo.read_text().splitlines())
            return int(lines["MemAvailable"].split()[0]) * 1024
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def cpu_threads(threads: int) -> Iterator[None]:
    """Computes with so many CPU threads meanwhile."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
