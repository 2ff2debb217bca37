"""Which runs a sweep consists of: every job composed once, checked before the first starts."""

import copy
import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from lepton.compat.hydra import set_values
from lepton.config.check import check
from lepton.config.compose import explain_hydra_errors, finish_config, literal_overrides
from lepton.config.identity import run_folder
from lepton.config.overrides import parse_overrides
from lepton.errors import ConfigError
from lepton.storage.run_folder import run_status
from lepton.sweep.job import Job

TO_DO = "to do"
MOST = 100_000  # runs of a sweep, each of which is composed before the first starts
ENDED = ("finished", "diverged")  # what the same run would come to again


@dataclass(frozen=True)
class Plan:
    """The distinct runs of a sweep, in order, and how many combinations meant them."""

    jobs: list[Job]
    combinations: int
    retry_failed: bool = True

    @cached_property
    def statuses(self) -> list[str]:
        """What is known of each job, when first asked: finished, failed, ..., to do."""
        return [run_status(job.folder) for job in self.jobs]

    @cached_property
    def to_do(self) -> list[Job]:
        """The jobs to train; one that runs elsewhere is among them, in case its process dies."""
        pairs = zip(self.jobs, self.statuses, strict=True)
        return [job for job, known in pairs if job.config["rerun"] or not self._left(job, known)]

    def _left(self, job: Job, known: str) -> bool:
        """Whether a job of that status is left as it is."""
        pruned = known == "pruned" and job.watch is not None
        return known in ENDED or pruned or (known == "failed" and not self.retry_failed)

    def __str__(self) -> str:
        runs, doubled = len(self.jobs), self.combinations - len(self.jobs)
        same = (
            f" ({self.combinations} combinations, {doubled} mean the same run)" if doubled else ""
        )
        to_do = {job.folder for job in self.to_do}
        pairs = [*zip(self.jobs, self.statuses, strict=True)]
        left = Counter(known for job, known in pairs if job.folder not in to_do)
        elsewhere = sum(known == "running" for job, known in pairs)
        again = sum(known == "failed" for job, known in pairs if job.folder in to_do)
        counts = [f"{left.pop('finished', 0)} finished"]
        counts += [f"{count} {known}" for known, count in sorted(left.items())]
        counts += [f"{elsewhere} running in another process"] if elsewhere else []
        counts += [f"{len(to_do) - elsewhere} to train"]
        counts += [f"{again} of them after a failure"] if again else []
        return f"{runs} {'run' if runs == 1 else 'runs'}{same}: {', '.join(counts)}"


def plan(
    master,
    loader: ConfigLoader,
    params: dict,
    arguments: Sequence[str],
    *,
    retry_failed: bool = True,
) -> Plan:
    """Every combination of an experiment's own sweep and of the arguments, composed and checked.

    Raises: ConfigError with the mistakes of all jobs.
    """
    composer, jobs, problems = Composer(master, loader), {}, {}
    combinations = expand(composer.parser, [*tidied(params), *arguments])
    for words in combinations:
        try:
            job = compose_job(composer, words)
        except ConfigError as e:
            problems.update(dict.fromkeys(e.problems))
        else:
            jobs.setdefault(job.folder, job)
    if problems:
        raise ConfigError(*problems)
    return Plan(list(jobs.values()), len(combinations), retry_failed)


def tidied(params: dict[str, str]) -> list[str]:
    """An experiment's own sweep as overrides."""
    return parse_overrides([f"{key}={value}" for key, value in params.items()], sweep=True)


def compose_job(composer: "Composer", words: Sequence[str]) -> Job:
    """The run that overrides mean.

    Raises: ConfigError with every mistake.
    """
    with explain_hydra_errors():
        config = check(composer.compose(words))
        return Job(tuple(words), config, run_folder(config))


def expand(parser: OverridesParser, arguments: Sequence[str]) -> list[list[str]]:
    """The product of all values given, one list of overrides a job; a later key wins.

    Raises: ConfigError for a range that holds no value or needs a search, and for more than MOST.
    """
    choices: dict[str, list[str]] = {}
    for override in parser.parse_overrides(list(arguments)):
        key, said = override.get_key_element(), override.input_line.lstrip("+")
        if not override.is_sweep_override():
            choices[key] = [f"{key}={override.get_value_element_as_str()}"]
            continue
        if not override.is_discrete_sweep():
            raise ConfigError(
                f"{said}: an interval has no list of values to train; "
                "hydra/sweeper=search looks for the best"
            )
        try:
            values = list(itertools.islice(override.sweep_string_iterator(), MOST + 1))
        except ValueError as e:  # a step of 0
            raise ConfigError(f"{said}: {e}") from None
        if not values:
            raise ConfigError(f"{said}: holds no value")
        choices[key] = [f"{key}={value}" for value in values]
        if math.prod(map(len, choices.values())) > MOST:
            raise ConfigError(f"{said}: more than {MOST} runs; try fewer values, or a search")
    return [list(words) for words in itertools.product(*choices.values())]


class Composer:
    """Composes the groups of a job once for every set of options, then sets its values."""

    def __init__(self, master, loader: ConfigLoader):
        self.master, self.loader = master, loader
        self.parser = OverridesParser.create(config_loader=loader)
        self.composed: dict[tuple[str, ...], Any] = {}
        self.groups: dict[str, bool] = {}  # Hydra copies its whole config to answer

    def compose(self, words: Sequence[str]):
        parsed = self.parser.parse_overrides(list(words))
        groups = tuple(o.input_line for o in parsed if self._chooses(o))
        if groups not in self.composed:
            cfg = self.loader.load_sweep_config(self.master, [*groups, *self._space(groups)])
            self.composed[groups] = finish_config(cfg, (), choices=cfg.hydra.runtime.choices)
        cfg = copy.deepcopy(self.composed[groups])
        values = [o for o in parsed if not self._chooses(o)]
        set_values(cfg, values)
        cfg.overrides = literal_overrides(words)
        return cfg

    def _space(self, groups: Sequence[str]) -> list[str]:
        """The named space, which the words of a trial leave out: Hydra 1.4 wants it in each job."""
        name = self.master.hydra.runtime.choices.get("search")
        named = any(word.startswith("search=") for word in groups)
        return [] if named or not name else [f"search={name}"]

    def _chooses(self, override: Override) -> bool:
        key = override.key_or_group
        return override.package is not None or key.startswith("hydra") or self.is_group(key)

    def is_group(self, key: str) -> bool:
        if key not in self.groups:
            self.groups[key] = bool(self.loader.get_group_options(key))
        return self.groups[key]
