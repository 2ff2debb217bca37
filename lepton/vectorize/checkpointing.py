"""Checkpoints of a stack: each member's own, so that those that are left go on together."""

import time
from typing import Any

import torch

from lepton.training import signals
from lepton.training.resume import describe_place
from lepton.vectorize.stack import Stack


class StackSaver:
    """Saves the members of a stack when it is time.

    Units: `every` in seconds; None saves only when a signal asks for the end.
    """

    def __init__(self, every: float | None):
        self.every, self.saved_at = every, time.monotonic()

    def check_space(self, stack: Stack) -> None:
        """Raises: LeptonError when the members' checkpoints could not be written."""
        tensors = [t for state in stack.states().values() for t in state.tensors().values()]
        size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        stack.members[0].checkpoints.check_space(size)

    def is_due(self) -> bool:
        """True when the last checkpoint is old enough, or a signal asked for the end."""
        is_late = self.every is not None and time.monotonic() - self.saved_at >= self.every
        return is_late or signals.requested() is not None

    def save(self, stack: Stack, epoch: int, batches: int) -> None:
        """Saves all members between two steps, `batches` into an epoch, or between two epochs.

        Raises: Interrupted when a signal asked for the end; Locked; LeptonError.
        """
        for member, state in zip(stack.members, member_states(stack, epoch, batches), strict=True):
            member.save(state)
        self.saved_at = time.monotonic()
        if number := signals.requested():
            raise signals.Interrupted(number, describe_place(epoch, batches))


def member_states(stack: Stack, epoch: int, batches: int) -> list[dict[str, Any]]:
    """The content of each member's checkpoint, `batches` into an epoch."""
    in_epoch = batches > 0
    common = {
        "epoch": epoch,
        "batches": batches,
        "size": len(stack.members),
        "threads": torch.get_num_threads(),
        "steps": stack.optimizer.steps,
        "drawn": stack.mask_stream.position if in_epoch else 0,
        "rows": list(stack.batch_sizes) if in_epoch else [],
        "elapsed": time.perf_counter() - stack.epoch_started if in_epoch else 0.0,
    }
    losses = torch.stack(stack.batch_losses, 1).cpu() if in_epoch else None  # (K, batches)
    tensors_by_state = {
        name: {key: tensor.cpu() for key, tensor in state.tensors().items()}
        for name, state in stack.states().items()
    }
    return [
        {
            **common,
            "losses": None if losses is None else losses[row].clone(),
            "tensors": {
                name: {key: tensor[row].clone() for key, tensor in tensors.items()}
                for name, tensors in tensors_by_state.items()
            },
            "history": member.network.history,
            "best_epoch": member.network.best_epoch,
            "best_score": member.best_score,
            "seconds": member.seconds,
        }
        for row, member in enumerate(stack.members)
    ]


def restore_stack(stack: Stack) -> None:
    """Makes a new stack what it was when its members were saved; `resume_epoch` then enters the
    epoch in progress."""
    saved_states = [member.restored_state for member in stack.members]
    first, device = saved_states[0], stack.mask_stream.device
    for name, state in stack.states().items():
        if name not in first["tensors"]:  # of a method that is younger than the checkpoint
            continue
        state.put(
            {
                key: torch.stack([saved["tensors"][name][key] for saved in saved_states]).to(device)
                for key in first["tensors"][name]
            }
        )
    stack.optimizer.steps = first["steps"]
    for member, schedule in zip(stack.members, stack.schedules, strict=True):
        member.report_history()
        for row in member.network.history:
            schedule.end_epoch(row["val/score"])
    for epoch in range(first["epoch"]):
        scores = [member.network.history[epoch]["val/score"] for member in stack.members]
        for method in stack.methods:
            method.stops(scores)


def resume_epoch(stack: Stack) -> None:
    """Enters the epoch in which the stack was saved."""
    state = stack.members[0].restored_state
    stack.mask_stream.seek(state["drawn"])
    losses = torch.stack([member.restored_state["losses"] for member in stack.members], 1)
    stack.batch_losses = list(losses.to(stack.mask_stream.device))
    stack.batch_sizes = list(state["rows"])
    stack.epoch_started -= state["elapsed"]
    stack.hyper.step = len(stack.batch_sizes) // stack.accumulate
