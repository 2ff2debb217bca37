"""Hyperparameters of a stack: what each member's optimizer and scheduler set, step by step."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from lepton import build
from lepton.scheduler.interval import step_after_epoch, steps_by_batch

BETAS = ("beta1", "beta2")
StepValues = dict[str, float]  # hyperparameters of one step, by name


class MemberSchedule:
    """A member's own optimizer and scheduler, on a parameter that never moves, as a source of
    hyperparameters.

    A scheduler that steps by batch is run to its end at once: its values depend on the step alone.
    `values_by_config` holds these, so that members with the same schedule compute them once.
    """

    def __init__(
        self,
        config: dict[str, Any],
        *,
        steps: int,
        values_by_config: dict[str, list[StepValues]],
    ):
        anchor = {"params": [nn.Parameter(torch.zeros(()))], "names": ["anchor"]}
        groups = [anchor | {"decay": True, "hidden": []}]
        self.optimizer = build.component(config, "optimizer", params=groups)
        build_scheduler = partial(build.component, config, "scheduler", optimizer=self.optimizer)
        self.by_batch, self.steps, self.steps_done = steps_by_batch(config), steps, 0
        if self.by_batch:
            total_steps = steps * config["trainer"]["max_epochs"]
            key = repr((config["optimizer"], config["scheduler"], total_steps))
            if key not in values_by_config:
                scheduler = build_scheduler(total_steps=total_steps)
                values_by_config[key] = self._values_of_all_steps(scheduler, total_steps)
            self.values = values_by_config[key]
        else:
            self.scheduler = build_scheduler() if config["scheduler"] else None
            self.optimizer.step()
            self.values = [self._current_values()]

    def _values_of_all_steps(self, scheduler: LRScheduler, total_steps: int) -> list[StepValues]:
        values = [self._current_values()]
        self.optimizer.step()  # schedulers want to follow one; the anchor has no gradient
        for _ in range(total_steps):
            scheduler.step()
            values.append(self._current_values())
        return values

    def _current_values(self) -> StepValues:
        """Every number of the parameter group; a pair of betas as two."""
        numbers = {}
        for name, value in self.optimizer.param_groups[0].items():
            if name == "betas":
                numbers |= dict(zip(BETAS, map(float, value), strict=True))
            elif isinstance(value, int | float | Tensor) and not isinstance(value, bool):
                numbers[name] = float(value)
        return numbers

    def epoch_values(self) -> list[StepValues]:
        """The values of each step of the coming epoch; one item where they stay the same."""
        if self.by_batch:
            return self.values[self.steps_done : self.steps_done + self.steps]
        return self.values[-1:]

    def end_epoch(self, score: float) -> float:
        """Goes on to the next epoch; returns the learning rate as it stood at the end of this."""
        self.steps_done += self.steps
        lr = self.values[self.steps_done if self.by_batch else -1]["lr"]
        if not self.by_batch and self.scheduler:
            step_after_epoch(self.scheduler, score)
            self.values = [self._current_values()]
        return lr


class StackedHyperparameters:
    """The hyperparameters of all members in an epoch, for the step that `step` points at.

    Shapes: `hyperparameters[name]` (K, 1), in 64 bits.
    """

    def __init__(self, members: Sequence[list[StepValues]], device: torch.device):
        """`members`: for each, the values of every step of the epoch, or of all steps at once."""
        steps = max(map(len, members))
        members = [values * steps if len(values) == 1 else values for values in members]
        names = set.intersection(*(set(values[0]) for values in members))
        arrays = {  # (steps, K)
            name: np.array([[of_step[name] for of_step in values] for values in members]).T
            for name in names
        }
        self.step = 0
        self.is_constant = {  # over the steps, for each member
            name: bool((values == values[0]).all()) for name, values in arrays.items()
        }
        self.is_common = {  # one number for all steps and members
            name: self.is_constant[name] and bool((values[0] == values[0, 0]).all())
            for name, values in arrays.items()
        }
        self.first = {name: float(values[0, 0]) for name, values in arrays.items()}
        self.tensors = {  # (steps, K, 1)
            name: torch.from_numpy(values).to(device)[:, :, None] for name, values in arrays.items()
        }

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name][0 if self.is_constant[name] else self.step]

    def is_zero(self, name: str) -> bool:
        """True when a value is 0 for all members in the whole epoch."""
        return self.is_common[name] and self.first[name] == 0

    def common(self, *names: str) -> list[float] | None:
        """The values as numbers where each is the same for all members in the whole epoch."""
        if all(self.is_common[name] for name in names):
            return [self.first[name] for name in names]
        return None
