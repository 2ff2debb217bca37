"""Pruning that gives the same whichever launcher trains a batch, and in whichever order."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Told:
    """What a pruner knows of an earlier trial."""

    scores: tuple[float, ...] = ()  # by epoch
    status: str = "failed"
    marks: dict[str, Any] = field(default_factory=dict)  # a pruner's own notes on the trial


class Watch:
    """Says after each epoch whether a trial is worth going on with: `watch(epoch, score)`.

    It holds the trials of earlier batches as they were when its own batch began, so that trials
    of one batch never look at each other. Optuna's pruner decides, on a study of its own.
    """

    def __init__(self, *, pruner: dict[str, Any], number: int, told: Sequence[Told]):
        self.pruner, self.number, self.told = pruner, number, tuple(told)
        self._trial, self._study, self._last = None, None, -1

    def __call__(self, epoch: int, score: float) -> bool:
        from lepton.sweep.search.proposals import quiet

        with quiet():
            if self._trial is None or epoch <= self._last:  # the run began anew
                self._begin()
            self._last = epoch
            self._trial.report(score, epoch + 1)
            return self._trial.should_prune()

    def marks(self, scores: Sequence[float]) -> dict[str, Any]:
        """What the pruner notes on a trial with these scores."""
        for epoch, score in enumerate(scores):
            self(epoch, score)
        if not scores:
            return {}
        from lepton.compat.optuna import pruner_notes

        return pruner_notes(self._study)

    def ends_with(self, scores: Sequence[float]) -> bool:
        """Whether a trial with these scores is stopped after the last of them and not before."""
        said = [self(epoch, score) for epoch, score in enumerate(scores)]
        return bool(said) and said[-1] and not any(said[:-1])

    def _begin(self) -> None:
        import optuna

        from lepton.sweep.search.proposals import NAME, pruner

        self._study = optuna.create_study(
            study_name=NAME,  # brackets of Hyperband are drawn from it and the trial's number
            direction="maximize",
            sampler=optuna.samplers.RandomSampler(seed=0),
            pruner=pruner(self.pruner),
        )
        fillers = [Told()] * (self.number - len(self.told))  # of its own batch, which say nothing
        self._study.add_trials([_frozen(trial) for trial in (*self.told, *fillers)])
        self._trial = self._study.ask()

    def __getstate__(self) -> dict[str, Any]:
        return {"pruner": self.pruner, "number": self.number, "told": self.told}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)


def _frozen(trial: Told):
    from optuna.trial import TrialState

    from lepton.compat.optuna import ended_trial

    states = {"finished": TrialState.COMPLETE, "pruned": TrialState.PRUNED}
    state = states.get(trial.status, TrialState.FAIL)
    value = None if state == TrialState.FAIL else max(trial.scores, default=0.0)
    return ended_trial(state, dict(enumerate(trial.scores, 1)), trial.marks, value)
