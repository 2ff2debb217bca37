"""Private parts of Optuna, each behind a function that says what it is for; imports Optuna."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import optuna


def pruner_notes(study: optuna.Study) -> dict[str, Any]:
    """The notes of a study's pruner on its newest trial, as the rungs that the trial has passed.

    No public way: a pruner's notes are kept beside the attributes that users may read.
    Tried: optuna 4.9.0, 5.0.0.
    """
    return dict(study.get_trials(deepcopy=False)[-1].system_attrs)


def ended_trial(
    state: optuna.trial.TrialState,
    scores: Mapping[int, float],
    notes: Mapping[str, Any],
    value: float | None,
) -> optuna.trial.FrozenTrial:
    """A trial without parameters that has ended, with its scores by epoch and a pruner's notes.

    No public way: a study can only be asked for trials, whose notes its own pruner writes.
    Tried: optuna 4.9.0, 5.0.0.
    """
    return optuna.trial.create_trial(
        state=state, intermediate_values=dict(scores), system_attrs=dict(notes), value=value
    )


def told_trial(
    params: Mapping[str, Any],
    distributions: Mapping[str, optuna.distributions.BaseDistribution],
    values: Sequence[float],
    violations: Sequence[float],
) -> optuna.trial.FrozenTrial:
    """A trial that finished outside of a study, with how far it violates each constraint.

    No public way before optuna 5.0 to give a trial constraints without its sampler.
    Tried: optuna 4.9.0, 5.0.0.
    """
    return optuna.trial.create_trial(
        state=optuna.trial.TrialState.COMPLETE,
        params=dict(params),
        distributions=dict(distributions),
        values=list(values),
        system_attrs={"constraints": list(violations)} if violations else None,
    )


@contextmanager
def without_end_of_search() -> Iterator[None]:
    """Swallows what Optuna raises when a sampler asks for the end of a search that it does not run.

    No public way: GridSampler stops the study after its last trial, which only Study.optimize
    knows to take; the error is a plain RuntimeError. Tried: optuna 4.9.0, 5.0.0.
    """
    try:
        yield
    except RuntimeError as e:
        if "Study.stop" not in str(e):
            raise
