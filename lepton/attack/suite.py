"""Suite: the attacks by which a finished model is judged, from the quickest to the dearest."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from lepton.attack.apgd import apgd
from lepton.attack.found import Found, found_at, in_turns
from lepton.attack.goal import TOWARDS, Goal, cross_entropies, margin, targeted
from lepton.attack.gradient_steps import fgsm, pgd
from lepton.attack.losses import merged_logits
from lepton.attack.neighbourhood import Neighbourhood
from lepton.attack.square import square
from lepton.method import Batch
from lepton.randomness.draw import Draw
from lepton.task.base import Task

Attack = Callable[[Neighbourhood, Draw], Found]
SQUARE = "square"  # the attack without gradients


@dataclass(frozen=True, kw_only=True)
class Suite:
    """How long each attack looks; `step` is that of PGD, as a share of epsilon."""

    steps: int
    step: float
    restarts: int
    apgd_steps: int
    targets: int
    queries: int

    def attacks(self, task: Task, forward: Callable[[Batch], Tensor]) -> dict[str, Attack]:
        """The attacks by their names; a quantity has no class to be driven to.

        `forward` gives the logits of a batch, as `task.forward` does.
        """
        raised = Goal(task, forward, cross_entropies)
        attacks: dict[str, Attack] = {
            "fgsm": partial(_fgsm, raised),
            "pgd": partial(self._pgd, raised),
            "apgd_ce": partial(self._apgd, raised),
            "apgd_targeted": partial(self._targeted, replace(raised, objective=targeted)),
            SQUARE: partial(self._square, replace(raised, objective=margin)),
        }
        if task.name == "regression":
            del attacks["apgd_targeted"]
        return attacks

    def _pgd(self, goal: Goal, around: Neighbourhood, draw: Draw) -> Found:
        def attempt(some: Neighbourhood) -> Found:
            start, step = some.random(draw), self.step * float(some.epsilon)
            losses = _losses(goal)
            return found_at(goal, some, pgd(losses, some, start=start, steps=self.steps, step=step))

        return in_turns(around, [attempt] * self.restarts)

    def _apgd(self, goal: Goal, around: Neighbourhood, draw: Draw) -> Found:
        return apgd(goal, around, start=around.random(draw), steps=self.apgd_steps)

    def _targeted(self, goal: Goal, around: Neighbourhood, draw: Draw) -> Found:
        if goal.task.name != "multiclass":
            return self._apgd(goal, around, draw)
        with torch.no_grad():
            logits = merged_logits(goal.task, goal.forward(around.batch))
        own = around.batch["target"].long()[:, None]
        others = logits.scatter(1, own, -torch.inf).argsort(1, descending=True)[:, :-1]
        towards = others[:, : self.targets]
        held = replace(around, batch=around.batch | {TOWARDS: towards})

        def attempt(number: int, some: Neighbourhood) -> Found:
            one = some.batch | {TOWARDS: some.batch[TOWARDS][:, number]}
            return self._apgd(goal, replace(some, batch=one), draw)

        return in_turns(held, [partial(attempt, number) for number in range(towards.shape[1])])

    def _square(self, goal: Goal, around: Neighbourhood, draw: Draw) -> Found:
        return square(goal, around, draw, queries=self.queries)


def _fgsm(goal: Goal, around: Neighbourhood, draw: Draw) -> Found:
    return found_at(goal, around, fgsm(_losses(goal), around))


def _losses(goal: Goal) -> Callable[[Batch], Tensor]:
    return lambda batch: goal.judge(batch)[0]
