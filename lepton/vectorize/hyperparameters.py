"""Hyperparameters of a stack: what each member's own optimizer and scheduler say, step by step."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lepton import build
from lepton.scheduler.interval import step_after_epoch, steps_by_batch

BETAS = ("beta1", "beta2")


class MemberSchedule:
    """A member's optimizer and scheduler on a parameter that never moves, to be asked for values.

    A scheduler that steps by batch is run to the end at once: its values depend on the step alone.
    """

    def __init__(self, cfg: dict[str, Any], *, steps: int, known: dict[str, list]):
        anchor = {"params": [nn.Parameter(torch.zeros(()))], "names": ["anchor"]}
        groups = [anchor | {"decay": True, "hidden": []}]
        self.optimizer = build.component(cfg, "optimizer", params=groups)
        build_scheduler = partial(build.component, cfg, "scheduler", optimizer=self.optimizer)
        self.by_batch, self.steps, self.taken = steps_by_batch(cfg), steps, 0
        if self.by_batch:
            total = steps * cfg["trainer"]["max_epochs"]
            key = repr((cfg["optimizer"], cfg["scheduler"], total))
            if key not in known:
                known[key] = self._all(build_scheduler(total_steps=total), total)
            self.rows = known[key]
        else:
            self.scheduler = build_scheduler() if cfg["scheduler"] else None
            self.optimizer.step()
            self.rows = [self._now()]

    def _all(self, scheduler, total: int) -> list[dict[str, float]]:
        rows = [self._now()]
        self.optimizer.step()  # schedulers want to follow one; the anchor has no gradient
        for _ in range(total):
            scheduler.step()
            rows.append(self._now())
        return rows

    def _now(self) -> dict[str, float]:
        """Every number of the parameter group; a pair of betas as two."""
        found = {}
        for name, value in self.optimizer.param_groups[0].items():
            if name == "betas":
                found |= dict(zip(BETAS, map(float, value), strict=True))
            elif isinstance(value, int | float | Tensor) and not isinstance(value, bool):
                found[name] = float(value)
        return found

    def epoch(self) -> list[dict[str, float]]:
        """The values of each step of the coming epoch; a single row where they stay the same."""
        return self.rows[self.taken : self.taken + self.steps] if self.by_batch else self.rows[-1:]

    def ended(self, score: float) -> float:
        """Goes on to the next epoch; returns the learning rate as it stood at the end."""
        self.taken += self.steps
        lr = self.rows[self.taken if self.by_batch else -1]["lr"]
        if not self.by_batch and self.scheduler:
            step_after_epoch(self.scheduler, score)
            self.rows = [self._now()]
        return lr


class StackedHyperparameters:
    """The values of all members as tensors (K, 1) in 64 bits, for the step that it points at."""

    def __init__(self, epochs: Sequence[list[dict[str, float]]], device: torch.device):
        longest = max(map(len, epochs))
        full = [rows * longest if len(rows) == 1 else rows for rows in epochs]
        names = set.intersection(*(set(rows[0]) for rows in full))
        values = {  # (steps, members)
            name: np.array([[row[name] for row in rows] for rows in full]).T for name in names
        }
        self.step = 0
        self.constant = {n: bool((v == v[0]).all()) for n, v in values.items()}
        self.same = {
            n: self.constant[n] and bool((v[0] == v[0, 0]).all()) for n, v in values.items()
        }
        self.first = {n: float(v[0, 0]) for n, v in values.items()}
        self.tensors = {n: torch.from_numpy(v).to(device)[:, :, None] for n, v in values.items()}

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name][0 if self.constant[name] else self.step]

    def zero(self, name: str) -> bool:
        return self.same[name] and self.first[name] == 0

    def common(self, *names: str) -> list[float] | None:
        """Plain numbers where all members have the same for the whole epoch."""
        return [self.first[n] for n in names] if all(self.same[n] for n in names) else None
