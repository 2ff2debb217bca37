"""Finished runs of a study that lie in the space of a search, which its sampler is told of."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser

from lepton.config.words import typed_options
from lepton.errors import ConfigError, LeptonError
from lepton.storage.results import read_result
from lepton.storage.run_folder import STATE_SUFFIXES, may_be_run
from lepton.sweep.job import Job
from lepton.sweep.search.settings import SearchSettings
from lepton.sweep.search.space import Dimension, SearchSpace
from lepton.sweep.search.trial_outcome import (
    TrialOutcome,
    read_trial_outcome,
    trial_run_status,
)

LEARNERS = ("TPESampler", "GPSampler", "CmaEsSampler")  # samplers that learn from trials not theirs


@dataclass(frozen=True)
class ToldRun:
    """A point of the space whose runs, one a seed, were there before the search."""

    run: str  # the name of the first
    params: dict[str, Any]
    values: tuple[float, ...]  # of the objectives
    violations: tuple[float, ...] = ()  # of the constraints; above 0: not kept

    @property
    def is_feasible(self) -> bool:
        """True for a point that keeps every constraint."""
        return all(violation <= 0 for violation in self.violations)


def finished_points(
    study: Path,
    space: SearchSpace,
    settings: SearchSettings,
    compose_runs: Callable[[Sequence[str]], list[Job]],
    applies: Callable[[dict[str, Any], str], bool],
) -> list[ToldRun]:
    """The points of the space whose runs in the study are all finished, by the first one's name.

    `compose_runs` gives the runs of a point, one a seed: only those that lie in the very folders
    count, so nothing but the space can differ.
    """
    parser, points = OverridesParser.create(), []
    for folder in _finished_folders(study):
        try:
            params = _params_of(folder, space, parser, applies)
            if params is None:
                continue
            jobs = compose_runs(space.overrides(params))
        except ConfigError:
            continue
        if jobs[0].folder != folder:
            continue
        if all(trial_run_status(job.folder) == "finished" for job in jobs):
            outcome = _outcome([job.folder for job in jobs], settings)
            if outcome is not None:
                points.append(ToldRun(folder.name, params, outcome.values, outcome.violations))
    return points


def _finished_folders(study: Path) -> Iterator[Path]:
    if study.is_dir():
        for folder in sorted(filter(may_be_run, study.iterdir())):
            if folder.suffix not in STATE_SUFFIXES:
                yield folder


def _outcome(folders: Sequence[Path], settings: SearchSettings) -> TrialOutcome | None:
    """The outcome of a point; None where a result does not hold or give what is asked for."""
    try:
        outcome = read_trial_outcome(
            folders,
            settings.objectives,
            watched=False,
            refused={},
            constraints=settings.constraints,
        )
    except LeptonError:
        return None
    return outcome if outcome.status == "finished" else None


def _params_of(
    folder: Path,
    space: SearchSpace,
    parser: OverridesParser,
    applies: Callable[[dict[str, Any], str], bool],
) -> dict[str, Any] | None:
    """The point of the space that a run's config may be; None where it is none, or damaged."""
    try:
        result = read_result(folder)
    except LeptonError:
        return None
    if result is None:
        return None
    params: dict[str, Any] = {}
    for key in (*space.unconditional(), *space.conditions):
        if key in space.conditions and not applies(params, key):
            continue
        value = _value_at(result.config, key)
        if key in result.choices:
            value = str(result.choices[key])
        proposal = _proposal(space.dimensions[key], value, parser)
        if proposal is None:
            return None
        params[key] = proposal
    return params


def _value_at(config: Mapping[str, Any], key: str) -> Any:
    node: Any = config
    for part in key.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return None
        node = node[part]
    return node


def _proposal(dimension: Dimension, value: Any, parser: OverridesParser) -> Any:
    """The proposal that means a value of a config; None where the dimension does not hold it."""
    if not dimension.numeric:
        return next((o for o in dimension.options if _means(o, value, parser)), None)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if dimension.options:  # fractions: the index decides
        return next(
            (
                dimension.low + n * (dimension.step or 1)
                for n, option in enumerate(dimension.options)
                if float(option) == value
            ),
            None,
        )
    is_on_step = not dimension.step or (value - dimension.low) % dimension.step == 0
    return value if is_on_step and dimension.holds(value) else None


def _means(option: str, value: Any, parser: OverridesParser) -> bool:
    """True when an option, as an override writes it, is the value of a config or of a choice."""
    if typed_options(option) == value:
        return True
    meant = parser.parse_override(f"key={option}").value()
    if isinstance(meant, list) and isinstance(value, str):
        return "+".join(sorted(map(str, meant))) == value
    return str(meant) == value if isinstance(value, str) else meant == value
