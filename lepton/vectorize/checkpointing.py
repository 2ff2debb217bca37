"""Checkpoints of a stack: each member's own, so that those that are left go on together."""

import time
from collections.abc import Sequence
from typing import Any

import torch

from lepton.storage.lock import check_folder_lock
from lepton.training import signals
from lepton.training.resume import describe_place
from lepton.vectorize.member import StackMember
from lepton.vectorize.stack import Stack


class StackSaver:
    """Saves the members of a stack when it is time.

    Units: `every` in seconds; None saves only when a signal asks for the end.
    """

    def __init__(self, every: float | None):
        self.every, self.saved = every, time.monotonic()

    def check(self, stack: Stack) -> None:
        """Raises: LeptonError when the members' checkpoints could not be written."""
        tensors = [t for part in stack.parts().values() for t in part.tensors().values()]
        size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        stack.members[0].checkpoints.check_space(size)

    def due(self) -> bool:
        late = self.every is not None and time.monotonic() - self.saved >= self.every
        return late or signals.requested() is not None

    def save(self, stack: Stack, epoch: int, batches: int) -> None:
        """Between two steps, or two epochs.

        Raises: Interrupted when a signal asked for the end; Claimed; LeptonError.
        """
        for member, state in zip(stack.members, member_states(stack, epoch, batches), strict=True):
            check_folder_lock(member.checkpoints.folder.parent)
            member.checkpoints.save(state)
        self.saved = time.monotonic()
        if number := signals.requested():
            raise signals.Interrupted(number, describe_place(epoch, batches))


def member_states(stack: Stack, epoch: int, batches: int) -> list[dict[str, Any]]:
    """All that the rest of each member's training depends on, `batches` into an epoch."""
    common = {
        "epoch": epoch,
        "batches": batches,
        "size": len(stack.members),
        "threads": torch.get_num_threads(),
        "steps": stack.rule.steps,
        "drawn": stack.mask_stream.position if batches else 0,
        "rows": list(stack.rows) if batches else [],
        "elapsed": time.perf_counter() - stack.started if batches else 0.0,
    }
    losses = torch.stack(stack.losses, 1).cpu() if batches else None
    parts = {
        name: {key: tensor.cpu() for key, tensor in part.tensors().items()}
        for name, part in stack.parts().items()
    }
    return [
        {
            **common,
            "losses": losses[row].clone() if batches else None,
            "tensors": {
                name: {key: tensor[row].clone() for key, tensor in tensors.items()}
                for name, tensors in parts.items()
            },
            "history": member.network.history,
            "best_epoch": member.network.best_epoch,
            "best_score": member.best_score,
            "seconds": member.seconds,
        }
        for row, member in enumerate(stack.members)
    ]


def group_by_saved_place(members: Sequence[StackMember]) -> list[list[StackMember]]:
    """Members that were saved at the same place of stacks of one size, and those never saved."""
    same: dict[tuple, list[StackMember]] = {}
    for member in members:
        same.setdefault(member.place, []).append(member)
    return list(same.values())


def restore_stack(stack: Stack) -> None:
    """A new stack as its members were saved; `go_on` then enters the epoch in progress."""
    states, device = [member.saved for member in stack.members], stack.mask_stream.device
    for name, part in stack.parts().items():
        part.put(
            {
                key: torch.stack([state["tensors"][name][key] for state in states]).to(device)
                for key in states[0]["tensors"][name]
            }
        )
    stack.rule.steps = states[0]["steps"]
    for member, schedule in zip(stack.members, stack.schedules, strict=True):
        member.tell_again()
        for row in member.network.history:
            schedule.ended(row["val/score"])
    for epoch in range(states[0]["epoch"]):
        scores = [member.network.history[epoch]["val/score"] for member in stack.members]
        for method in stack.methods:
            method.stops(scores)


def resume_epoch(stack: Stack) -> None:
    """Enters the epoch in which the stack was saved."""
    state = stack.members[0].saved
    stack.mask_stream.seek(state["drawn"])
    losses = torch.stack([member.saved["losses"] for member in stack.members], 1)
    stack.losses = list(losses.to(stack.mask_stream.device))
    stack.rows, stack.started = list(state["rows"]), stack.started - state["elapsed"]
    stack.hyper.step = len(stack.rows) // stack.accumulate
