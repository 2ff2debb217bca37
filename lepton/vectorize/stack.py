"""Many runs as one: parameters, gradients, optimizer and history of members that train together."""

import time
from collections.abc import Sequence

import torch
from torch import Tensor

from lepton.method import Batch, StackState
from lepton.training.dropout_masks import MaskStream
from lepton.training.phase_fit import fold_into_model
from lepton.vectorize.batches import StackedBatches, StackedData
from lepton.vectorize.best_weights import BestWeights
from lepton.vectorize.forward import StackedForward
from lepton.vectorize.hyperparameters import StackedHyperparameters
from lepton.vectorize.member import StackMember
from lepton.vectorize.optimizer import STACKED_OPTIMIZERS
from lepton.vectorize.step_replay import StepReplay
from lepton.vectorize.weights import StackedWeights


class Stack:
    """Members whose models have the same structure, each trained as it would be alone.

    The networks of the members are read at the start, and written when a member is let go.
    Shapes: tensors of the stack have the members first.
    """

    def __init__(
        self,
        members: Sequence[StackMember],
        data: StackedData,
        *,
        accumulate: int,
        device: torch.device,
        dtype: torch.dtype,
    ):
        self.members, self.accumulate = list(members), accumulate
        networks = [member.network for member in self.members]
        data.place(device, dtype)
        self.tensors = data.train.tensors
        self.mask_stream = MaskStream([network.config["seed"] for network in networks], device)
        self.body = StackedForward(networks, self.mask_stream, dtype)
        models = [network.trained_module for network in networks]
        self.weights = StackedWeights(models, device=device, dtype=dtype)
        self.best = BestWeights(self.weights, self.body)
        self.schedules = [member.schedule for member in self.members]
        optimizer = self.schedules[0].optimizer
        self.rule = STACKED_OPTIMIZERS[type(optimizer)](self.weights, optimizer.param_groups[0])
        methods = zip(*(network.methods for network in networks), strict=True)
        self.methods = [type(same[0]).stacked(same) for same in methods]
        self.validated: list[tuple[Tensor, Tensor]] = []
        self._tape()

    def _tape(self) -> None:
        self.gradients = StepReplay(self._gradients) if self.body.known else self._gradients

    def start(self, epoch: int) -> None:
        self.epoch = epoch
        self.mask_stream.start_epoch(epoch)
        self.hyper = StackedHyperparameters(
            [schedule.epoch() for schedule in self.schedules], self.mask_stream.device
        )
        self.losses, self.rows, self.started = [], [], time.perf_counter()

    def train(self, rows: Tensor, batches: StackedBatches) -> None:
        """One batch of every member, of the rows that `batches` gives."""
        size = rows.shape[-1]
        batch = {name: batches.spread(part) for name, part in self.gather(rows).items()}
        done, share = len(self.losses), 1.0
        if self.accumulate > 1:
            share = batches.share(done, self.accumulate, size)
        losses, *grads = self.gradients(batch, batches.common, share)
        self._watch(losses)
        self.weights.take(grads, add=done % self.accumulate > 0)
        self.losses.append(losses)
        self.rows.append(size)
        if (done + 1) % self.accumulate == 0 or done + 1 == batches.num_batches:
            self._step()

    def _gradients(self, batch: Batch, common: bool, share: float) -> list[Tensor]:
        losses = self.body.losses(self.weights.views, batch, common=common)
        return [losses.detach(), *self.weights.gradients(losses.sum() * share)]

    def gather(self, rows: Tensor) -> Batch:
        """Shapes: row numbers (...) -> (..., *shape)."""
        flat = rows.reshape(-1)
        return {
            name: tensor.index_select(0, flat).view(*rows.shape, *tensor.shape[1:])
            for name, tensor in self.tensors.items()
        }

    @torch.no_grad()
    def _step(self) -> None:
        for method in self.methods:
            method.before_step(self)
        self.rule.step(self.weights, self.hyper)
        for method in self.methods:
            method.after_step(self)
        self.hyper.step += 1

    def _watch(self, losses: Tensor) -> None:
        """A member whose loss is no number has diverged; what it had learned until now is kept."""
        if bool(torch.isfinite(losses).all()):
            return
        for row in (~torch.isfinite(losses)).nonzero().flatten().tolist():
            member = self.members[row]
            if member.error is None:
                values, kept = self.weights.values, "of the best epoch, or the first"
                if all(bool(torch.isfinite(value[row]).all()) for value in values):
                    self.best.take([row], values, self.body)
                    kept = "of the step before"
                loss, batch = float(losses[row]), len(self.losses) + 1
                where = f"epoch {self.epoch + 1}, batch {batch}"
                member.diverged(f"training loss is {loss} in {where}", kept)

    def validate(self, batch: Batch) -> None:
        if not self.validated:
            averages = [method.weights(self) for method in self.methods]
            self.looked_at = next((a for a in averages if a is not None), self.weights.values)
        prediction = self.body.predict(self.weights.shaped(self.looked_at), batch)
        self.validated.append((prediction, batch["target"]))

    def score(self) -> None:
        """Scores the epoch, and keeps the weights of the members for which it is the best."""
        predictions, targets = zip(*self.validated, strict=True)
        self.validated.clear()
        prediction, target = torch.cat(predictions, 1).cpu(), torch.cat(targets).cpu()
        for member, own in zip(self.members, prediction, strict=True):
            member.validated(own, target, self.epoch)
        better = [row for row, m in enumerate(self.members) if m.is_best and m.error is None]
        self.best.take(better, self.looked_at, self.body)

    def end(self) -> list[StackMember]:
        """Writes the epoch's history; returns the members that have ended, and goes on without."""
        losses = torch.stack(self.losses).cpu()
        rows = torch.tensor(self.rows, dtype=losses.dtype)
        means = (rows @ losses / rows.sum()).tolist()
        seconds = (time.perf_counter() - self.started) / len(self.members)
        for member, schedule, loss in zip(self.members, self.schedules, means, strict=True):
            lr = schedule.ended(member.told)
            member.record(self.epoch, loss=loss, lr=lr, seconds=seconds)
        ended = [m.at_end or m.error is not None for m in self.members]
        scores = [member.told for member in self.members]
        for method in self.methods:
            ended = [a or b for a, b in zip(ended, method.stops(scores), strict=True)]
        gone = [member for member, out in zip(self.members, ended, strict=True) if out]
        for row, member in enumerate(self.members):
            if ended[row]:
                self._restore(member, row)
        if gone:
            self._keep([row for row, out in enumerate(ended) if not out])
        return gone

    def _restore(self, member: StackMember, row: int) -> None:
        """Puts the weights of a member's best epoch into its own model."""
        state = self.weights.shaped([value[row] for value in self.best.values])
        state |= {name: value[row] for name, value in self.best.buffers.items()}
        model = member.network.trained_module.to(self.best.values[0].dtype)
        model.load_state_dict({n: v for n, v in state.items() if n in model.state_dict()})
        fold_into_model(model)
        member.network.device = self.mask_stream.device

    def _keep(self, left: list[int]) -> None:
        self.members = [self.members[row] for row in left]
        self.schedules = [self.schedules[row] for row in left]
        if not left:
            return
        rows = torch.tensor(left, device=self.mask_stream.device)
        for part in (self.mask_stream, *self.parts().values()):
            part.keep(rows)
        self._tape()

    def parts(self) -> dict[str, StackState]:
        """What of the stack changes in training, but for dropout masks and schedules."""
        own = {"weights": self.weights, "rule": self.rule, "body": self.body, "best": self.best}
        return own | {f"method {i}": method for i, method in enumerate(self.methods)}
