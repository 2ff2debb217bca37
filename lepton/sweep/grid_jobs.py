"""The runs that the combinations of a grid mean: without those excluded, all or a random subset."""

from collections.abc import Sequence
from pathlib import Path

from lepton.errors import ConfigError
from lepton.sweep.composer import JobComposer
from lepton.sweep.drawing import repetition_of, setting_of, shuffled
from lepton.sweep.grid_options import NODE, GridOptions
from lepton.sweep.job import Job

SWEPT_EVALUATION = (
    "evaluation: the same run with several evaluations; write evaluation=[A,B], and no values of "
    "one evaluator beside each other"
)
Numbered = tuple[int, Sequence[str]]  # the place of a combination in the grid, and its overrides


class GridJobs:
    """Composes combinations and keeps each distinct run once, in the order of the grid.

    `meant` counts the combinations that mean a run, `excluded` those that a condition leaves out,
    and `problems` holds a line for every mistake.
    """

    def __init__(self, composer: JobComposer, options: GridOptions):
        self.composer, self.options = composer, options
        self.places: dict[Path, int] = {}
        self.jobs: dict[Path, Job] = {}
        self.problems: dict[str, None] = {}
        self.meant = self.excluded = 0

    def add_all(self, combinations: Sequence[Sequence[str]]) -> list[str]:
        """Takes every combination; returns what is to be said of it."""
        for numbered in enumerate(combinations):
            self._add(self._composed([numbered]))
        return self._said_of_exclusion()

    def add_drawn(self, combinations: Sequence[Sequence[str]]) -> list[str]:
        """Takes a random subset of the settings, and of the repetitions of each; likewise."""
        settings: dict[str, list[Numbered]] = {}
        for number, combination in enumerate(combinations):
            settings.setdefault(setting_of(combination), []).append((number, combination))
        draw, drawn = self.options.draw or len(settings), 0
        for text in shuffled(settings, self.options.draw_seed):
            if drawn == draw:
                break
            composed = self._drawn_repetitions(self._composed(settings[text]))
            if any(job.folder not in self.jobs for _, job in composed):
                drawn += 1
            self._add(composed)
        repetitions = max(map(len, settings.values()))
        kept = min(self.options.draw_repeats or repetitions, repetitions)
        return [
            f"drawn with draw_seed={self.options.draw_seed}: {drawn} of {len(settings)} settings, "
            f"each with {kept} of its {repetitions} combinations of seeds, folds and split seeds",
            *self._said_of_exclusion(),
        ]

    def _composed(self, combinations: Sequence[Numbered]) -> list[tuple[int, Job]]:
        """The runs of combinations that no condition excludes."""
        composed = []
        for number, overrides in combinations:
            try:
                job = self.composer.compose_unless(overrides, self.options.exclude)
            except ConfigError as e:
                self.problems.update(dict.fromkeys(e.problems))
                continue
            if job is None:
                self.excluded += 1
            else:
                composed.append((number, job))
        return composed

    def _drawn_repetitions(self, composed: list[tuple[int, Job]]) -> list[tuple[int, Job]]:
        repetitions = {repetition_of(job.overrides) for _, job in composed}
        drawn = shuffled(repetitions, self.options.draw_seed)[: self.options.draw_repeats]
        return [pair for pair in composed if repetition_of(pair[1].overrides) in drawn]

    def _add(self, composed: Sequence[tuple[int, Job]]) -> None:
        for number, job in composed:
            self.meant += 1
            first = self.jobs.setdefault(job.folder, job)
            if first.config["evaluation"] != job.config["evaluation"]:
                self.problems[SWEPT_EVALUATION] = None
            self.places[job.folder] = min(number, self.places.get(job.folder, number))

    def _said_of_exclusion(self) -> list[str]:
        if not self.options.exclude:
            return []
        if not self.jobs and not self.problems:
            raise ConfigError(f"{NODE}.exclude: leaves no run of {self.excluded} combinations")
        number = f"{self.excluded} combination{'' if self.excluded == 1 else 's'}"
        return [f"excluded by {NODE}.exclude: {number}"]

    def in_order(self) -> list[Job]:
        """The distinct runs, in the order of the grid."""
        return [self.jobs[folder] for folder in sorted(self.places, key=self.places.__getitem__)]
