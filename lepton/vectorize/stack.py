"""Many runs as one: parameters, gradients, optimizer and history of members that train together.

`StackedTrainingModule` calls a `Stack` as Lightning goes through epochs and batches: `start_epoch`,
`train_batch` for each batch, `validate_batch`, `score_epoch`, `end_epoch`.
"""

import time
from collections.abc import Sequence
from contextlib import nullcontext

import torch
from torch import Tensor

from lepton.compat.lightning import pl
from lepton.method import Batch, StackState
from lepton.training import memory
from lepton.training.dropout_masks import MaskStream
from lepton.training.phase_fit import fold_into_model
from lepton.vectorize.batches import StackedBatches, StackedData
from lepton.vectorize.best_weights import BestWeights
from lepton.vectorize.forward import StackedForward
from lepton.vectorize.guard import StackGuard
from lepton.vectorize.hyperparameters import StackedHyperparameters
from lepton.vectorize.member import StackMember
from lepton.vectorize.optimizer import STACKED_OPTIMIZERS
from lepton.vectorize.step_replay import StepReplay
from lepton.vectorize.validation import StackValidation
from lepton.vectorize.weights import StackedWeights


class Stack:
    """K members whose models have the same structure, each trained as it would be alone.

    The networks of the members are read at the start, and written when a member leaves.
    Shapes: tensors of members have these first (K, ...); a member's row is its place in `members`.
    """

    def __init__(
        self,
        members: Sequence[StackMember],
        data: StackedData,
        *,
        accumulate: int,
        device: torch.device,
        dtype: torch.dtype,
        guard: StackGuard | None = None,
    ):
        """`accumulate`: batches of an optimizer step."""
        self.members, self.accumulate, self.guard = list(members), accumulate, guard
        networks = [member.network for member in self.members]
        data.move_to(device, dtype)
        self.train = data.train  # whose tensors (rows, ...) all members share
        self.mask_stream = MaskStream([network.config["seed"] for network in networks], device)
        self.forward = StackedForward(networks, self.mask_stream, dtype)
        models = [network.trained_module for network in networks]
        self.weights = StackedWeights(models, device=device, dtype=dtype)
        self.best = BestWeights(self.weights, self.forward)
        self.schedules = [member.schedule for member in self.members]
        optimizer = self.schedules[0].optimizer
        stacked_optimizer = STACKED_OPTIMIZERS[type(optimizer)]
        self.optimizer = stacked_optimizer(self.weights, optimizer.param_groups[0])
        methods = zip(*(network.methods for network in networks), strict=True)
        self.methods = [type(of_members[0]).stacked(of_members) for of_members in methods]
        self.validation = StackValidation(networks[0].task)
        self._reset_replay()

    def _reset_replay(self) -> None:
        """Forgets recorded steps, which are of a fixed number of members."""
        compute = self._losses_and_gradients
        self.losses_and_gradients = StepReplay(compute) if self.forward.can_be_replayed else compute

    def start_epoch(self, epoch: int) -> None:
        """Sets the hyperparameters, dropout masks and empty history of an epoch."""
        self.epoch = epoch
        self.mask_stream.start_epoch(epoch)
        self.forward.draw_streams.start_epoch(epoch)
        self.hyper = StackedHyperparameters(
            [schedule.epoch_values() for schedule in self.schedules], self.mask_stream.device
        )
        self.batch_losses: list[Tensor] = []  # each (K,)
        self.batch_sizes: list[int] = []
        self.epoch_started = time.perf_counter()

    def train_batch(self, rows: Tensor, batches: StackedBatches) -> None:
        """Learns from one batch of every member; makes a step where enough are accumulated.

        Shapes: rows as `batches` yields them, (S, B) or (B,).
        Raises: StackMismatch.
        """
        batch_size, done = rows.shape[-1], len(self.batch_losses)
        batch = {name: batches.spread(tensor) for name, tensor in self.gather(rows).items()}
        self.forward.draw_streams.set_step(done)
        self.forward.elapsed.set(self.epoch, done, batches.num_batches)
        share = 1.0
        if self.accumulate > 1:
            share = batches.share_of_step(done, self.accumulate, batch_size)
        comparisons = []
        if self.guard and self.guard.chooses(self.epoch * batches.num_batches + done):
            comparisons = self.guard.comparisons(self, batch, common=batches.common, share=share)
        losses, *grads = self.losses_and_gradients(batch, batches.common, share)
        for comparison in comparisons:
            comparison.check(losses, grads)
        self._mark_diverged(losses)
        self.weights.set_gradients(grads, add=done % self.accumulate > 0)
        self.batch_losses.append(losses)
        self.batch_sizes.append(batch_size)
        if (done + 1) % self.accumulate == 0 or done + 1 == batches.num_batches:
            self._step()

    def _losses_and_gradients(self, batch: Batch, common: bool, share: float) -> list[Tensor]:
        """Shapes: batch (K, B, ...), or (B, ...) where `common` -> (K,), then a (K, n) for each
        parameter."""
        losses = self.forward.losses(self.weights.views, batch, common=common)
        if self.forward.perturbing is None:
            return [losses.detach(), *self.weights.gradients(losses.sum() * share)]
        gradients = self.weights.shaped(self.weights.gradients(losses.sum()))
        views = self.forward.perturbed(self.weights.views, gradients)
        buffers = {name: buffer.clone() for name, buffer in self.forward.buffers.items()}
        learned = self.forward.losses(views, batch, common=common, buffers=buffers)
        return [losses.detach(), *self.weights.gradients(learned.sum() * share, views)]

    def gather(self, rows: Tensor) -> Batch:
        """The training batch of the rows of these numbers. Shapes: rows (...) -> (..., *shape)."""
        batch = self.train.cutter.cut(self.train.tensors, rows.reshape(-1))
        return {name: tensor.view(*rows.shape, *tensor.shape[1:]) for name, tensor in batch.items()}

    @torch.no_grad()
    def _step(self) -> None:
        for method in self.methods:
            method.before_step(self)
        with self.guard.optimizer_step(self) if self.guard else nullcontext():
            self.optimizer.step(self.weights, self.hyper)
        for method in self.methods:
            method.after_step(self)
        self.hyper.step += 1

    def _mark_diverged(self, losses: Tensor) -> None:
        """Marks members whose loss is not finite, and keeps what they had learned until now."""
        if bool(torch.isfinite(losses).all()):
            return
        for row in (~torch.isfinite(losses)).nonzero().flatten().tolist():
            member = self.members[row]
            if member.error is None:
                values, kept_weights = self.weights.values, "of the best epoch, or the first"
                if all(bool(torch.isfinite(value[row]).all()) for value in values):
                    self.best.copy_members([row], values, self.forward)
                    kept_weights = "of the step before"
                loss, batch = float(losses[row]), len(self.batch_losses) + 1
                where = f"epoch {self.epoch + 1}, batch {batch}"
                member.mark_diverged(f"training loss is {loss} in {where}", kept_weights)

    def validate_batch(self, batch: Batch) -> None:
        """Predicts a batch of the validation split with every member. Shapes: batch (B, ...)."""
        memory.trim_before_batch(len(self.validation.batches))
        if not self.validation.batches:
            averages = [method.weights(self) for method in self.methods]
            averages = [average for average in averages if average is not None]
            self.validated_values = [*averages, self.weights.values][0]
        prediction = self.forward.predict(self.weights.shaped(self.validated_values), batch)
        self.validation.add(prediction, batch)

    def score_epoch(self) -> None:
        """Scores the epoch, and keeps the weights of the members for which it is the best."""
        for member, states in zip(self.members, self.validation.states(), strict=True):
            member.score_epoch(states, self.epoch)
        improved = [row for row, m in enumerate(self.members) if m.is_best and m.error is None]
        self.best.copy_members(improved, self.validated_values, self.forward)

    def end_epoch(self) -> list[StackMember]:
        """Writes the epoch's history; returns the members that have ended, and goes on without."""
        losses = torch.stack(self.batch_losses).cpu()
        sizes = torch.tensor(self.batch_sizes, dtype=losses.dtype)
        mean_losses = (sizes @ losses / sizes.sum()).tolist()
        seconds = (time.perf_counter() - self.epoch_started) / len(self.members)
        for member, schedule, loss in zip(self.members, self.schedules, mean_losses, strict=True):
            lr = schedule.end_epoch(member.score)
            member.record_epoch(self.epoch, loss=loss, lr=lr, seconds=seconds)
        scores = [member.score for member in self.members]
        stops = [method.stops(scores) for method in self.methods]
        has_ended = [
            member.has_ended(is_stopped=any(of_member[row] for of_member in stops))
            for row, member in enumerate(self.members)
        ]
        for row, member in enumerate(self.members):
            if has_ended[row]:
                self._write_best_weights(member, row)
        ended = [member for member, end in zip(self.members, has_ended, strict=True) if end]
        if ended:
            self._keep_members([row for row, end in enumerate(has_ended) if not end])
        return ended

    def _write_best_weights(self, member: StackMember, row: int) -> None:
        """Puts the weights of a member's best epoch into its own model."""
        state = self.weights.shaped([value[row] for value in self.best.values])
        state |= {name: buffer[row] for name, buffer in self.best.buffers.items()}
        model = member.network.trained_module.to(self.best.values[0].dtype)
        model.load_state_dict({n: v for n, v in state.items() if n in model.state_dict()})
        fold_into_model(model)
        member.network.device = self.mask_stream.device

    def _keep_members(self, rows: list[int]) -> None:
        """Goes on with the members of these rows alone."""
        self.members = [self.members[row] for row in rows]
        self.schedules = [self.schedules[row] for row in rows]
        if not rows:
            return
        row_tensor = torch.tensor(rows, device=self.mask_stream.device)
        for state in (self.mask_stream, *self.states().values()):
            state.keep(row_tensor)
        self._reset_replay()

    def states(self) -> dict[str, StackState]:
        """All that changes in training, by its name in checkpoints, but masks and schedules."""
        states = {  # "rule" and "body" are what checkpoints of 0.1 call the optimizer and forward
            "weights": self.weights,
            "rule": self.optimizer,
            "body": self.forward,
            "best": self.best,
        }
        return states | {f"method {i}": method for i, method in enumerate(self.methods)}


def stack_dtype(trainer: pl.Trainer) -> torch.dtype:
    """The float type that a trainer's precision gives a stack."""
    return torch.float64 if trainer.precision == "64-true" else torch.float32
