"""The summary at the end of a search: counts of trials, and the best as a command to paste."""

import shlex
from collections import Counter
from collections.abc import Sequence

from lepton.config.words import with_names
from lepton.errors import ConfigError, FailedRuns, LeptonError
from lepton.sweep.search.proposals import best_of
from lepton.sweep.search.state import SearchState
from lepton.sweep.search.trial_outcome import ENDED
from lepton.sweep.search.warm_start import ToldRun


def search_summary(state: SearchState) -> list[str]:
    """The lines that tell how many trials there were, and which are the best."""
    outcomes, objectives = state.outcomes, state.settings.objectives
    counts = Counter(outcome.status for outcome in outcomes)
    count_texts = [f"{counts[status]} {status}" for status in ENDED if counts[status]]
    lines = [f"{len(outcomes)} trials looked at: {', '.join(count_texts)}"]
    if state.is_stale():
        lines.append(f"ended by patience: no gain in the last {state.settings.patience} trials")
    told = [run for run in state.start.told if run.is_feasible]
    finished = [n for n, outcome in enumerate(outcomes) if outcome.is_feasible]
    if beyond := counts["finished"] - len(finished):
        lines.append(
            f"{beyond} finished {'one does' if beyond == 1 else 'ones do'} not keep the constraints"
        )
    values = [run.values for run in told] + [outcomes[number].values for number in finished]
    best = [
        _told_line(state, told[place])
        if place < len(told)
        else _trial_line(state, finished[place - len(told)])
        for place in best_of(values, [objective.direction for objective in objectives])
    ]
    if best and len(objectives) == 1:
        lines.append(f"best: {best[0]}")
        lines.append(
            f"The best of {len(values)} on the validation split looks better than it is; "
            "compare it with others over several seeds."
        )
    elif best:
        lines.append(f"Pareto front, {len(best)} trials that no other beats in everything:")
        lines += [f"  {line}" for line in best]
    return lines


def _told_line(state: SearchState, run: ToldRun) -> str:
    """A run that was there before the search, its values, and the command that gives it."""
    overrides = state.space.overrides(run.params)
    return _line(state, f"{run.run}, there before", run.values, overrides, state.start.first_seed)


def _trial_line(state: SearchState, number: int) -> str:
    """A trial's number, its values, and the command that gives its run."""
    trial, values = state.trials[number], state.outcomes[number].values
    seed = trial.jobs[0].config["seed"]
    return _line(state, f"trial {number + 1}", values, trial.overrides, seed)


def _line(
    state: SearchState, name: str, values: Sequence[float], overrides: Sequence[str], seed: int
) -> str:
    pairs = zip(state.settings.objectives, values, strict=True)
    value_texts = " ".join(f"{objective.name} {value:.6g}" for objective, value in pairs)
    overrides = [with_names(override.lstrip("+")) for override in overrides]
    several_seeds = state.settings.seeds > 1
    if several_seeds:
        overrides = [override for override in overrides if not override.startswith("seed=")]
        overrides.append(f"seed=range({seed},{seed + state.settings.seeds})")
    command = shlex.join(["lepton", "train", *(["-m"] if several_seeds else []), *overrides])
    return f"{name}, {value_texts}: {command}"


def trial_failures(state: SearchState) -> LeptonError | None:
    """The error that tells which trials failed and why; None when no trial did."""
    ended = state.trials[: len(state.outcomes)]
    failed = [trial for trial in ended if state.outcomes[trial.number].status == "failed"]
    if not failed:
        return None
    again = "hydra.sweeper.retry_failed=true tries them again"
    lines = [f"{len(failed)} of {len(state.trials)} trials failed; {again}"]
    for trial in failed:
        overrides = " ".join(with_names(override.lstrip("+")) for override in trial.overrides)
        error = state.outcomes[trial.number].error
        lines.append(f"trial {trial.number + 1}: {overrides}: {error}")
    refused = [trial for trial in failed if {job.folder for job in trial.jobs} & {*state.refused}]
    return ConfigError(*lines) if refused == failed else FailedRuns("\n".join(lines))
