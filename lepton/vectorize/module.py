"""The LightningModule around a stack: what Lightning calls, and when."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from lepton.compat.lightning import pl, start_at_epoch
from lepton.method import Batch
from lepton.vectorize.batches import StackedData
from lepton.vectorize.checkpointing import StackSaver, restore_stack, resume_epoch
from lepton.vectorize.member import StackMember
from lepton.vectorize.stack import Stack


class StackedTrainingModule(pl.LightningModule):
    """Trains a stack; members that have ended are handed to `ended` after their last epoch."""

    def __init__(
        self,
        members: Sequence[StackMember],
        data: StackedData,
        *,
        accumulate: int,
        ended: Callable[[StackMember], None],
        saving: StackSaver,
    ):
        super().__init__()
        self.automatic_optimization = False
        self.members, self.data, self.accumulate, self.ended = members, data, accumulate, ended
        self.saving = saving

    def setup(self, stage: str) -> None:
        self.stack = Stack(
            self.members,
            self.data,
            accumulate=self.accumulate,
            device=self.trainer.strategy.root_device,
            dtype=torch.float64 if self.trainer.precision == "64-true" else torch.float32,
        )

    def configure_optimizers(self) -> None:
        """A stack's rule is no optimizer of torch's; there is none for Lightning to look after."""

    def on_train_start(self) -> None:
        self.saving.check(self.stack)
        state = self.members[0].saved
        if state is None:
            return
        restore_stack(self.stack)
        start_at_epoch(self.trainer, state["epoch"])
        self.trainer.train_dataloader.done = (state["epoch"], state["batches"])

    def on_train_epoch_start(self) -> None:
        self.stack.start(self.current_epoch)
        epoch, batches = self.trainer.train_dataloader.done
        if batches and epoch == self.current_epoch:
            resume_epoch(self.stack)

    def training_step(self, block: Tensor, _: int) -> None:
        batches = self.trainer.train_dataloader
        for rows in block.split(batches.batch_size, -1) if block.numel() else ():
            self.stack.train(rows, batches)
            done = len(self.stack.losses)
            between = done % self.accumulate == 0 and done < batches.num_batches
            if between and self.saving.due():
                self.saving.save(self.stack, self.current_epoch, done)

    def validation_step(self, batch: Batch, _: int) -> None:
        self.stack.validate(batch)

    def on_validation_epoch_end(self) -> None:
        self.stack.score()

    def on_train_epoch_end(self) -> None:
        gone = self.stack.end()
        for member in gone:
            self.ended(member)
        if gone:
            self.trainer.train_dataloader.keep([m.seed for m in self.stack.members])
        self.trainer.should_stop = not self.stack.members
        if self.stack.members and self.saving.due():
            self.saving.save(self.stack, self.current_epoch + 1, 0)
