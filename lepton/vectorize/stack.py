"""The LightningModule that trains a stack: one step moves every member's parameters."""

import math
import time
from collections.abc import Callable, Sequence

import pytorch_lightning as pl
import torch
from torch import Tensor

from lepton.method import Batch
from lepton.vectorize.batches import StackedBatches
from lepton.vectorize.body import Body
from lepton.vectorize.flat import Flat
from lepton.vectorize.hyper import Hyper, Schedule
from lepton.vectorize.member import Member
from lepton.vectorize.noise import Noise
from lepton.vectorize.optimizer import RULES


class StackedLearner(pl.LightningModule):
    """Trains members whose models have the same structure, each as it would be trained alone.

    A member that has ended leaves the stack at the end of the epoch, and is handed to `ended`.
    Shapes: tensors of the stack have the members first.
    """

    def __init__(
        self, members: Sequence[Member], data, *, accumulate: int, ended: Callable[[Member], None]
    ):
        super().__init__()
        self.automatic_optimization = False
        self.members, self.data, self.ended = list(members), data, ended
        self.accumulate = accumulate
        self.validated: list[tuple[Tensor, Tensor]] = []

    def setup(self, stage: str) -> None:
        """Puts the members together, on the device and in the float type of the trainer."""
        device, dtype = self.trainer.strategy.root_device, torch.get_default_dtype()
        if self.trainer.precision == "64-true":
            dtype = torch.float64
        networks = [member.network for member in self.members]
        self.data.place(device, dtype)
        self.tensors = self.data.train.tensors
        self.noise = Noise([network.cfg["seed"] for network in networks], device)
        self.body = Body(networks, self.noise, dtype)
        self.flat = Flat([network.model for network in networks], device=device, dtype=dtype)
        self.best = self.flat.values.clone()
        self.best_buffers = {name: value.clone() for name, value in self.body.buffers.items()}
        steps, known = math.ceil(self.data.train.num_batches / self.accumulate), {}
        self.schedules = [Schedule(network.cfg, steps=steps, known=known) for network in networks]
        optimizer = self.schedules[0].optimizer
        self.rule = RULES[type(optimizer)](self.flat.values, optimizer.param_groups[0])
        methods = zip(*(network.methods for network in networks), strict=True)
        self.methods = [type(same[0]).stacked(same) for same in methods]

    def configure_optimizers(self) -> None:
        """The stack's rule is no torch optimizer; Lightning has none to look after."""

    def on_train_epoch_start(self) -> None:
        self.noise.start(self.current_epoch)
        self.hyper = Hyper([schedule.epoch() for schedule in self.schedules], self.noise.device)
        self.losses, self.rows, self.started = [], [], time.perf_counter()

    def training_step(self, index: Tensor, _: int) -> None:
        """`index` holds the rows of some batches. Shapes: (K, rows), or (rows,) for all members."""
        batches: StackedBatches = self.trainer.train_dataloader
        for rows in index.split(batches.batch_size, -1):
            self._batch(self._gather(rows), len(rows.T), batches)

    def _gather(self, rows: Tensor) -> Batch:
        flat = rows.reshape(-1)
        return {
            name: tensor.index_select(0, flat).view(*rows.shape, *tensor.shape[1:])
            for name, tensor in self.tensors.items()
        }

    def _batch(self, batch: Batch, rows: int, batches: StackedBatches) -> None:
        losses = self.body.losses(self.flat.views, batch, common=batches.common)
        first = len(self.losses) % self.accumulate == 0
        share = 1.0 if self.accumulate == 1 else batches.share(len(self.losses), self.accumulate, rows)
        self.flat.backward(losses.sum() * share, add=not first)
        self.losses.append(losses.detach())
        self.rows.append(rows)
        done = len(self.losses)
        if done % self.accumulate == 0 or done == batches.num_batches:
            self._step()

    @torch.no_grad()
    def _step(self) -> None:
        for method in self.methods:
            method.before_step(self)
        self.rule.step(self.flat.values, self.flat.grads, self.hyper, self.flat.decayed)
        for method in self.methods:
            method.after_step(self)
        self.hyper.step += 1

    def validation_step(self, batch: Batch, _: int) -> None:
        if not self.validated:
            averages = [method.weights(self) for method in self.methods]
            self.looked_at = next((a for a in averages if a is not None), self.flat.values)
        prediction = self.body.predict(self.flat.split(self.looked_at), batch)
        self.validated.append((prediction, batch["target"]))

    def on_validation_epoch_end(self) -> None:
        predictions, targets = zip(*self.validated, strict=True)
        prediction, target = torch.cat(predictions, 1).cpu(), torch.cat(targets).cpu()
        self.validated.clear()
        for member, own in zip(self.members, prediction, strict=True):
            member.validated(own, target, self.current_epoch)
        better = [row for row, member in enumerate(self.members) if member.is_best]
        self.best[better] = self.looked_at[better]
        for name, value in self.body.buffers.items():
            self.best_buffers[name][better] = value[better]

    def on_train_epoch_end(self) -> None:
        losses = torch.stack(self.losses).cpu()
        rows = torch.tensor(self.rows, dtype=losses.dtype)
        means = (rows @ losses / rows.sum()).tolist()
        seconds = (time.perf_counter() - self.started) / len(self.members)
        for member, schedule, loss in zip(self.members, self.schedules, means, strict=True):
            lr = schedule.ended(member.told)
            member.record(self.current_epoch, loss=loss, lr=lr, seconds=seconds)
        self._let_go()

    def _let_go(self) -> None:
        """Members that have ended leave; training ends with the last of them."""
        scores = [member.told for member in self.members]
        stops = [any(said) for said in zip(*(m.stops(scores) for m in self.methods), strict=True)]
        ended = [m.at_end or s for m, s in zip(self.members, stops or [False] * len(scores), strict=True)]
        for row, member in enumerate(self.members):
            if ended[row]:
                self._restore(member, row)
                self.ended(member)
        left = [row for row, gone in enumerate(ended) if not gone]
        if not left:
            self.trainer.should_stop = True
        elif len(left) < len(ended):
            self._keep(left)

    def _restore(self, member: Member, row: int) -> None:
        """Puts the weights of a member's best epoch into its own model."""
        state = self.flat.split(self.best[row]) | {n: v[row] for n, v in self.best_buffers.items()}
        kept = member.network.model.state_dict().keys() & state.keys()
        member.network.model.to(self.flat.values.dtype)
        member.network.model.load_state_dict({name: state[name] for name in kept}, strict=False)
        member.network.device = self.noise.device

    def _keep(self, left: list[int]) -> None:
        rows = torch.tensor(left, device=self.flat.values.device)
        for part in (self.flat, self.rule, self.body, self.noise, *self.methods):
            part.keep(rows)
        self.best = self.best[rows]
        self.best_buffers = {name: value[rows] for name, value in self.best_buffers.items()}
        self.members = [self.members[row] for row in left]
        self.schedules = [self.schedules[row] for row in left]
        self.trainer.train_dataloader.keep(left)
