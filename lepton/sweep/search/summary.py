"""The summary at the end of a search: counts of trials, and the best as a command to paste."""

import shlex
from collections import Counter

from lepton.config.words import with_names
from lepton.errors import ConfigError, FailedRuns, LeptonError
from lepton.sweep.search.state import SearchState
from lepton.sweep.search.trial_outcome import ENDED


def search_summary(state: SearchState) -> list[str]:
    """The lines that tell how many trials there were, and which are the best."""
    outcomes, objectives = state.outcomes, state.settings.objectives
    counts = Counter(outcome.status for outcome in outcomes)
    count_texts = [f"{counts[status]} {status}" for status in ENDED if counts[status]]
    lines = [f"{len(outcomes)} trials looked at: {', '.join(count_texts)}"]
    best = [number for number in state.proposals.best() if outcomes[number].status == "finished"]
    if best and len(objectives) == 1:
        lines.append(f"best: {_trial_line(state, best[0])}")
        lines.append(
            f"The best of {counts['finished']} on the validation split looks better than it is; "
            "compare it with others over several seeds."
        )
    elif best:
        lines.append(f"Pareto front, {len(best)} trials that no other beats in everything:")
        lines += [f"  {_trial_line(state, number)}" for number in best]
    return lines


def _trial_line(state: SearchState, number: int) -> str:
    """A trial's number, its values, and the command that gives its run."""
    trial, outcome = state.trials[number], state.outcomes[number]
    values = " ".join(
        f"{objective.name} {value:.6g}"
        for objective, value in zip(state.settings.objectives, outcome.values, strict=True)
    )
    overrides = [with_names(override.lstrip("+")) for override in trial.overrides]
    several_seeds = state.settings.seeds > 1
    if several_seeds:
        seed = trial.jobs[0].config["seed"]
        overrides = [override for override in overrides if not override.startswith("seed=")]
        overrides.append(f"seed=range({seed},{seed + state.settings.seeds})")
    command = shlex.join(["lepton", "train", *(["-m"] if several_seeds else []), *overrides])
    return f"trial {number + 1}, {values}: {command}"


def trial_failures(state: SearchState) -> LeptonError | None:
    """The error that tells which trials failed and why; None when no trial did."""
    failed = [trial for trial in state.trials if state.outcomes[trial.number].status == "failed"]
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
