"""What a search says at its end: how much it looked at, and the best as a command to paste."""

import shlex
from collections import Counter

from lepton.sweep.search.trial_outcome import ENDED


def summary(way) -> tuple[list[str], list[str]]:
    """The lines to show, and those that say what failed."""
    outcomes, objectives = way.outcomes, way.settings.objectives
    counts = Counter(found.status for found in outcomes)
    said = ", ".join(f"{counts[word]} {word}" for word in ENDED if counts[word])
    lines = [f"{len(outcomes)} trials looked at: {said}"]
    best = [number for number in way.proposals.best() if outcomes[number].status == "finished"]
    if best and len(objectives) == 1:
        lines.append(f"best: {_trial(way, best[0])}")
        lines.append(
            f"The best of {counts['finished']} on the validation split looks better than it is; "
            "compare it with others over several seeds."
        )
    elif best:
        lines.append(f"Pareto front, {len(best)} trials that no other beats in everything:")
        lines += [f"  {_trial(way, number)}" for number in best]
    return lines, _failed(way)


def _trial(way, number: int) -> str:
    """A trial's number, its values, and the command that gives its run."""
    trial, found = way.trials[number], way.outcomes[number]
    values = " ".join(
        f"{objective.name} {value:.6g}"
        for objective, value in zip(way.settings.objectives, found.values, strict=True)
    )
    words = [word.lstrip("+") for word in trial.words]
    several = way.settings.seeds > 1
    if several:
        seed = trial.jobs[0].config["seed"]
        words = [w for w in words if not w.startswith("seed=")]
        words.append(f"seed=range({seed},{seed + way.settings.seeds})")
    command = shlex.join(["lepton", "train", *(["-m"] if several else []), *words])
    return f"trial {number + 1}, {values}: {command}"


def _failed(way) -> list[str]:
    lost = [trial for trial in way.trials if way.outcomes[trial.number].status == "failed"]
    if not lost:
        return []
    again = "hydra.sweeper.retry_failed=true tries them again"
    lines = [f"{len(lost)} of {len(way.trials)} trials failed; {again}"]
    for trial in lost:
        words = " ".join(word.lstrip("+") for word in trial.words)
        lines.append(f"trial {trial.number + 1}: {words}: {way.outcomes[trial.number].error}")
    return lines
