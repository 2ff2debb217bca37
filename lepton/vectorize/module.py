"""The LightningModule of a stack: calls the stack as Lightning goes through epochs and batches."""

from collections.abc import Callable, Sequence

from torch import Tensor

from lepton.compat.lightning import pl, start_at_epoch
from lepton.method import Batch
from lepton.vectorize.batches import StackedBatches, StackedData
from lepton.vectorize.checkpointing import StackSaver, restore_stack, resume_epoch
from lepton.vectorize.guard import StackGuard
from lepton.vectorize.member import StackMember
from lepton.vectorize.stack import Stack, stack_dtype


class StackedTrainingModule(pl.LightningModule):
    """Trains a stack, and calls `on_members_end` with those that have had their last epoch."""

    def __init__(
        self,
        members: Sequence[StackMember],
        data: StackedData,
        *,
        accumulate: int,
        on_members_end: Callable[[Sequence[StackMember]], None],
        saver: StackSaver,
    ):
        """`accumulate`: batches of an optimizer step."""
        super().__init__()
        self.automatic_optimization = False
        self.members, self.data, self.accumulate = members, data, accumulate
        self.on_members_end, self.saver = on_members_end, saver

    def setup(self, stage: str) -> None:
        self.stack = Stack(
            self.members,
            self.data,
            accumulate=self.accumulate,
            device=self.trainer.strategy.root_device,
            dtype=stack_dtype(self.trainer),
            guard=StackGuard(self.members[0].seed),
        )

    @property
    def batches(self) -> StackedBatches:
        """The loader of the training batches, once the training has begun."""
        loader = self.trainer.train_dataloader
        assert isinstance(loader, StackedBatches)
        return loader

    def configure_optimizers(self) -> None:
        """None: a stack's optimizer is not torch's, so Lightning has none to look after."""

    def on_train_start(self) -> None:
        """Puts back what a checkpoint holds."""
        self.saver.check_space(self.stack)
        state = self.members[0].saved_state
        if state is None:
            return
        restore_stack(self.stack)
        start_at_epoch(self.trainer, state["epoch"])
        self.batches.done = (state["epoch"], state["batches"])

    def on_train_epoch_start(self) -> None:
        """Enters an epoch, in its middle where the stack was saved there."""
        self.stack.start_epoch(self.current_epoch)
        epoch, batches = self.batches.done
        if batches and epoch == self.current_epoch:
            resume_epoch(self.stack)

    def training_step(self, block: Tensor, batch_idx: int) -> None:
        """Trains on a block of batches. Shapes: row numbers (S, rows) or (rows,)."""
        batches = self.batches
        for rows in block.split(batches.batch_size, -1) if block.numel() else ():
            self.stack.train_batch(rows, batches)
            done = len(self.stack.batch_losses)
            is_between_steps = done % self.accumulate == 0 and done < batches.num_batches
            if is_between_steps and self.saver.is_due():
                self.saver.save(self.stack, self.current_epoch, done)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self.stack.validate_batch(batch)

    def on_validation_epoch_end(self) -> None:
        self.stack.score_epoch()

    def on_train_epoch_end(self) -> None:
        """Lets members go that have ended; saves the others when it is time."""
        ended = self.stack.end_epoch()
        if ended:
            self.on_members_end(ended)
            self.batches.set_seeds([m.seed for m in self.stack.members])
        self.trainer.should_stop = not self.stack.members
        if self.stack.members and self.saver.is_due():
            self.saver.save(self.stack, self.current_epoch + 1, 0)
