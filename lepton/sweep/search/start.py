"""The start of a search: which runs its sampler is told of before the first trial, once for all."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from lepton.config.identity import run_id
from lepton.sweep.job import Job
from lepton.sweep.search.proposals import Applies, Proposals
from lepton.sweep.search.record import SearchRecord, difference
from lepton.sweep.search.settings import SearchSettings
from lepton.sweep.search.space import SearchSpace
from lepton.sweep.search.trial_outcome import ENDED, trial_run_status
from lepton.sweep.search.warm_start import LEARNERS, ToldRun, finished_points

MIN_CMAES_POINTS = 10  # of which CMA-ES begins around the best tenth
ComposeRuns = Callable[[Sequence[str]], list[Job]]  # the runs of a point, one a seed


class SearchStart:
    """What a search is told: what its record says, or the finished runs that lie in its space.

    `lines` tell the user. Nothing is written before `record_told`.
    """

    def __init__(
        self,
        settings: SearchSettings,
        space: SearchSpace,
        compose_runs: ComposeRuns,
        applies: Applies,
    ):
        self.settings, self.space = settings, space
        self.compose_runs, self.applies = compose_runs, applies
        self.lines: list[str] = []
        first = compose_runs(space.overrides(space.first_point()))[0]
        self.first_seed: int = first.config["seed"]
        self.record = SearchRecord(first.folder.parent, self._definition(first))
        recorded = self.record.read(space)
        self.is_new = recorded is None
        self.told = self._new_told() if recorded is None else recorded
        self._say_told()

    def _definition(self, first: Job) -> dict[str, Any]:
        """All that the proposals follow from; `start` stands for what the runs have in common."""
        settings = self.settings
        definition = {
            "space": [repr(dimension) for dimension in self.space.dimensions.values()],
            "when": {key: str(c.text if c else None) for key, c in self.space.conditions.items()},
            "start": run_id(first.config),
            "sampler": settings.sampler,
            "pruner": settings.pruner,
            "objectives": [f"{o.name} {o.direction}" for o in settings.objectives],
            "constraints": [str(constraint) for constraint in settings.constraints],
            "seeds": settings.seeds,
            "batch": settings.batch,
            "warm_start": settings.warm_start,
        }
        return json.loads(json.dumps(definition, default=str))

    def _new_told(self) -> list[ToldRun]:
        """What a search that is not recorded is told: nothing where it began without a record."""
        settings, others = self.settings, self.record.others()
        if others:
            self.lines.append(
                "another search than the last one in this space "
                f"({difference(self.record.definition, others[-1])}): other trials follow"
            )
        if not settings.warm_start:
            return []
        study = self.record.path.parent
        points = finished_points(study, self.space, settings, self.compose_runs, self.applies)
        if not points or (not others and self._has_begun()):
            return []
        if not (reason := self._reason_not_to_learn(len(points))):
            return points
        self.lines.append(f"{_count(points, settings.seeds)} of the study in the space: {reason}")
        return []

    def _reason_not_to_learn(self, points: int) -> str | None:
        """Why the sampler cannot be told of points that are there; None where it can."""
        sampler, name = self.settings.sampler, self.settings.sampler_name
        if name not in LEARNERS:
            return f"{name} does not learn from them"
        if sampler.get("sigma0") is not None or sampler.get("use_separable_cma"):
            return f"{name} learns from them only with sigma0=null and use_separable_cma=false"
        if name == "CmaEsSampler" and self.space.conditions:
            return f"{name} learns from them only where every trial has all keys"
        if name == "CmaEsSampler" and points < MIN_CMAES_POINTS:
            return f"{name} begins with {MIN_CMAES_POINTS} points at least"
        return None

    def _has_begun(self) -> bool:
        """True when the first trials of a search that is told nothing are there already.

        Searches of earlier versions have no record, and go on as they began.
        """
        settings = self.settings
        proposals = Proposals(
            self.space,
            sampler=settings.sampler,
            directions=[o.direction for o in settings.objectives],
        )
        first_batch = proposals.ask(min(settings.batch, settings.n_trials), self.applies)
        jobs = [self.compose_runs(self.space.overrides(p.params))[0] for p in first_batch]
        return all(trial_run_status(job.folder) in ENDED for job in jobs)

    def _say_told(self) -> None:
        if self.told:
            count = _count(self.told, self.settings.seeds)
            self.lines.append(f"told to the sampler: {count} of the study in the space")

    def record_told(self) -> None:
        """Writes the record, unless it is there; what another process has just written counts.

        Raises: LeptonError when the study cannot be written to.
        """
        if self.is_new:
            self.told = self.record.begin(self.told, self.space)


def _count(points: Sequence[ToldRun], seeds: int) -> str:
    number = f"{len(points)} point{'' if len(points) == 1 else 's'}, "
    runs = len(points) * seeds
    return f"{number if seeds > 1 else ''}{runs} finished run{'' if runs == 1 else 's'}"
