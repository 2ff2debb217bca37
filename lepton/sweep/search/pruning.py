"""Pruning that gives the same whichever launcher trains a batch, and in whichever order."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial


@dataclass(frozen=True)
class TrialRecord:
    """An earlier trial as a pruner knows it."""

    scores: tuple[float, ...] = ()  # by epoch
    status: str = "failed"
    pruner_notes: dict[str, Any] = field(default_factory=dict)  # a pruner's notes on the trial


class TrialWatch:
    """Tells after each epoch whether to prune a trial: `watch(epoch, score)` is true then.

    It holds the trials of earlier batches as they were when its own batch began, so that trials
    of one batch never look at each other. Optuna's pruner decides, on a study of its own.
    """

    def __init__(
        self, *, pruner: dict[str, Any], number: int, earlier_trials: Sequence[TrialRecord]
    ):
        self.pruner, self.number, self.earlier_trials = pruner, number, tuple(earlier_trials)
        self._trial: Trial | None = None
        self._study: Study | None = None
        self._last_epoch = -1

    def __call__(self, epoch: int, score: float) -> bool:
        from lepton.sweep.search.proposals import quiet_optuna

        with quiet_optuna():
            trial = self._trial
            if trial is None or epoch <= self._last_epoch:  # the run began anew
                trial = self._begin()
            self._last_epoch = epoch
            trial.report(score, epoch + 1)
            return trial.should_prune()

    def pruner_notes(self, scores: Sequence[float]) -> dict[str, Any]:
        """The notes that the pruner makes on a trial with these scores."""
        for epoch, score in enumerate(scores):
            self(epoch, score)
        if not scores:
            return {}
        from lepton.compat.optuna import pruner_notes

        assert self._study is not None
        return pruner_notes(self._study)

    def ends_with(self, scores: Sequence[float]) -> bool:
        """True when a trial with these scores is pruned after the last of them and not before."""
        is_pruned = [self(epoch, score) for epoch, score in enumerate(scores)]
        return bool(is_pruned) and is_pruned[-1] and not any(is_pruned[:-1])

    def _begin(self) -> "Trial":
        """A new trial in a new study, which holds the earlier ones."""
        import optuna

        from lepton.sweep.search.proposals import STUDY_NAME, make_pruner

        self._study = optuna.create_study(
            study_name=STUDY_NAME,  # brackets of Hyperband are drawn from it and the trial's number
            direction="maximize",
            sampler=optuna.samplers.RandomSampler(seed=0),
            pruner=make_pruner(self.pruner),
        )
        batch_before = self.number - len(self.earlier_trials)  # of its own batch, which say nothing
        trials = (*self.earlier_trials, *[TrialRecord()] * batch_before)
        self._study.add_trials([_optuna_trial(trial) for trial in trials])
        self._trial = self._study.ask()
        return self._trial

    def __getstate__(self) -> dict[str, Any]:
        return {
            "pruner": self.pruner,
            "number": self.number,
            "earlier_trials": self.earlier_trials,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)


def _optuna_trial(trial: TrialRecord) -> "FrozenTrial":
    from optuna.trial import TrialState

    from lepton.compat.optuna import ended_trial

    states = {"finished": TrialState.COMPLETE, "pruned": TrialState.PRUNED}
    state = states.get(trial.status, TrialState.FAIL)
    value = None if state == TrialState.FAIL else max(trial.scores, default=0.0)
    return ended_trial(state, dict(enumerate(trial.scores, 1)), trial.pruner_notes, value)
