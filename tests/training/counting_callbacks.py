"""Callbacks as users write them, which count what they are told."""

import pytorch_lightning as pl
import torch

COUNTS: list[dict] = []


class Counting(pl.Callback):
    """Counts the calls of all hooks around a batch; its counts are its state."""

    def __init__(self):
        self.counts = dict.fromkeys(["start", "end", "zero", "backward", "step", "epoch"], 0)
        self.rows, self.losses = [], []
        COUNTS.append(self)

    def on_train_epoch_start(self, trainer, module):
        self.counts["epoch"] += 1

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        assert batch_idx == self.counts["start"] % trainer.num_training_batches
        self.counts["start"] += 1
        self.rows += [len(b["id"]) for b in (batch if isinstance(batch, list) else [batch])]

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        self.counts["end"] += 1
        self.losses.append(float(outputs["loss"]))

    def on_before_zero_grad(self, trainer, module, optimizer):
        self.counts["zero"] += 1

    def on_after_backward(self, trainer, module):
        self.counts["backward"] += 1

    def on_before_optimizer_step(self, trainer, module, optimizer):
        self.counts["step"] += 1
        assert any(p.grad is not None for group in optimizer.param_groups for p in group["params"])

    def state_dict(self):
        return {"counts": self.counts, "losses": torch.tensor(self.losses)}

    def load_state_dict(self, state):
        self.counts, self.losses = dict(state["counts"]), state["losses"].tolist()


class Epochs(pl.Callback):
    """Counts epochs alone, so that blocks of batches may come."""

    def on_train_epoch_end(self, trainer, module):
        assert trainer.num_training_batches == 1


class Pickled(Epochs):
    """Has a state that no checkpoint can hold without pickled code."""

    def state_dict(self):
        return {"class": Epochs}


class NoCallback:
    """Is none."""
