"""The first look at what is to be trained: before a run starts, data are read, and models and
trackers are built."""

import json
import logging
import math
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lepton.config.inner_options import inner_nodes
from lepton.config.trust import find_targets
from lepton.errors import ConfigError, LeptonError
from lepton.groups import GROUPS, package_of
from lepton.sweep.job import Job

if TYPE_CHECKING:  # all of which load torch
    from lepton.dataset.data import Data
    from lepton.training.learner import Learner

log = logging.getLogger("lepton")
# that a look at the jobs of a sweep may take; of those left, the first of each strategy of
# fine-tuning in a model is looked at, and the others are met by their runs
MAX_SECONDS = 10.0
MOST_OF_FAULT = 200  # characters of an error that is told
MAX_DATA_BYTES = 1e9  # of files that are read to look; larger ones take long
NOT_LOOKED_AT = (  # keys that no mistake can lie in that this finds
    *("seed", "study", "runs", "rerun", "overrides", "choices", "revisions", "suggested"),
    *("logger", "callbacks", "linear_probe"),
)
OF_TRAINING = ("optimizer", "scheduler", "trainer", "batch_size", "evaluation")  # not the model's


@dataclass
class FirstLook:
    """What was met on a look at jobs, line by line.

    `mistakes`: what lepton refuses; `faults`: any other error, as of code of the user's, which ends
    the look at its job, and of which the run itself tells and records more. `opening`: lines on
    the first data that were read.
    """

    mistakes: list[tuple[Job, str]] = field(default_factory=list)
    faults: list[tuple[Job, str]] = field(default_factory=list)
    opening: list[str] = field(default_factory=list)
    jobs: int = 0  # that were looked at
    strategies: set[str] = field(default_factory=lambda: {""})  # whose networks were looked at

    def add(self, jobs: Iterable[Job], error: Exception) -> None:
        """Notes an error that the jobs have."""
        if isinstance(error, LeptonError):
            self.mistakes += [(job, line) for job in jobs for line in _lines(error)]
        else:
            reason = f"{type(error).__name__}: {' '.join(str(error).split())[:MOST_OF_FAULT]}"
            self.faults += [(job, reason) for job in jobs]


def look_at_trainer(config: dict[str, Any]) -> None:
    """Makes the trainer of a run on this machine, which refuses what the machine has not.

    Raises: LeptonError, as the Trainer.
    """
    if config["trainer"] is not None and not _has_own_code(config):
        import torch

        from lepton import build
        from lepton.trainer.lightning_output import log_warnings_only

        threads = torch.get_num_threads()
        log_warnings_only()
        with _silence():
            build.instantiate(config["trainer"], "trainer", callbacks=[], logger=False)
        torch.set_num_threads(threads)


def look_at_jobs(
    to_do: Sequence[Job], finished: Iterable[Job] = (), *, own_code: bool = False
) -> list[str]:
    """Reads the data and builds the models of jobs, each pair of them once, and the trackers.

    Returns lines on the first data that were read.

    What a finished run shows to be right is left out; so are jobs with code of the user's own, by
    which a process may end, where `own_code` is false.

    Raises: ConfigError with the mistakes of all of them.
    """
    look = first_look(to_do, finished, own_code=own_code)
    raise_mistakes(look, to_do)
    return look.opening


def first_look(
    to_do: Sequence[Job], finished: Iterable[Job] = (), *, own_code: bool = False
) -> FirstLook:
    """What `look_at_jobs` meets, but for trackers; it raises nothing."""
    seen = {_key(job.config) for job in finished}
    looked_at = []
    for job in to_do:
        key = _key(job.config)
        if key not in seen and (own_code or not _has_own_code(job.config)):
            looked_at.append(job)
        seen.add(key)
    look = _look(looked_at) if looked_at else FirstLook()
    look.jobs = len(looked_at)
    return look


def raise_mistakes(look: FirstLook, to_do: Sequence[Job]) -> None:
    """Raises: ConfigError with the mistakes that a look at jobs met, and those in trackers."""
    for line in _told(look.faults, look.jobs):
        log.warning("a first look ended with %s (the run itself tells more)", line)
    if problems := _tracker_problems(to_do) + _told(look.mistakes, look.jobs):
        raise ConfigError(*problems)


def _tracker_problems(jobs: Sequence[Job]) -> list[str]:
    """What keeps the trackers of jobs from beginning, but for those that are the user's own."""
    problems = []
    configs = {json.dumps(job.config["logger"], default=repr): job.config for job in jobs}
    for config in configs.values():
        if not config["logger"] or _has_own_code({"logger": config["logger"]}):
            continue
        from lepton.training.tracker import try_trackers

        try:
            with _silence():
                try_trackers(config)
        except LeptonError as e:
            problems += _lines(e)
    return list(dict.fromkeys(problems))


def _has_own_code(config: dict[str, Any]) -> bool:
    """True where a target lies in no package that lepton names."""
    return any(package_of(name) is None for _, name in find_targets(config, "config"))


def _told(problems: Sequence[tuple[Job, str]], looked_at: int) -> list[str]:
    """A line for each mistake, with a job that has it where others have not."""
    jobs_by_line: dict[str, list[Job]] = {}
    for job, line in problems:
        jobs_by_line.setdefault(line, []).append(job)
    lines = []
    for line, jobs in jobs_by_line.items():
        others = f" (and {len(jobs) - 1} more)" if len(jobs) > 1 else ""
        lines.append(line if len(jobs) == looked_at else f"{jobs[0]}{others}: {line}")
    return lines


def _key(config: dict[str, Any], *, without: Sequence[str] = ()) -> str:
    """What the configs have in common of which a single one is looked at."""
    left_out = {*NOT_LOOKED_AT, *without}
    return json.dumps({k: v for k, v in config.items() if k not in left_out}, default=repr)


def _look(jobs: Sequence[Job]) -> FirstLook:
    """What is wrong with jobs, those on the same data one after the other."""
    from lepton.compat.lightning import isolate_rng

    deadline, look = time.monotonic() + MAX_SECONDS, FirstLook()
    by_data: dict[str, list[Job]] = {}
    for job in jobs:
        by_data.setdefault(_data_key(job.config), []).append(job)
    with _silence(), isolate_rng():
        for alike in by_data.values():
            if time.monotonic() > deadline:
                alike = [job for job in alike if _strategy_key(job.config) not in look.strategies]
            if alike:
                _look_at_data(alike, look, deadline)
    return look


def _strategy_key(config: dict[str, Any]) -> str:
    """A strategy of fine-tuning in a model, which may have nothing for it; empty for none."""
    if not config["finetune"]:
        return ""
    return json.dumps([config["finetune"], config["model"]], default=repr)


def _data_key(config: dict[str, Any]) -> str:
    """What the reading of a job's data depends on."""
    model = config["model"] or {}
    task = config["task"] if "_target_" in config["task"] else None
    parts = [config["dataset"], config["preprocessing"], task, config["init_from"]]
    nodes = [model, *(encoder for _, _, encoder in inner_nodes(model))]
    names = ("_target_", *GROUPS["model"].parts)
    parts += [node.get(name) for node in nodes for name in names]
    return json.dumps(parts, default=repr)


@contextmanager
def _silence() -> Iterator[None]:
    """Keeps lepton's log and warnings back, since the runs say all of it themselves."""
    before, log.disabled = log.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.disabled = before


def _look_at_data(jobs: Sequence[Job], look: FirstLook, deadline: float) -> None:
    """Looks at jobs that read the same data, which are read once."""
    try:
        data = _read_data(jobs[0].config)
    except Exception as e:
        look.add(jobs, e)
        return
    if data is None:
        return
    from lepton.dataset.describe.opening import opening_lines

    look.opening = look.opening or [*opening_lines(data)]
    learners: dict[str, Learner | None] = {}
    for job in jobs:
        strategy = _strategy_key(job.config)
        if time.monotonic() > deadline and strategy in look.strategies:
            continue
        look.strategies.add(strategy)
        key = _key(job.config, without=OF_TRAINING)
        try:
            if key not in learners:
                learners.clear()  # one at a time is in memory
                learners[key] = None
                learners[key] = _build_learner(job.config, data)
            if (learner := learners[key]) is not None:
                _try_training_options(job.config, learner, data)
        except Exception as e:
            look.add([job], e)


def _lines(error: LeptonError) -> list[str]:
    return list(error.problems) if isinstance(error, ConfigError) else [str(error)]


def _read_data(config: dict[str, Any]) -> "Data | None":
    """The data of a config; None where they are large, or come over the network."""
    from lepton import build

    data = build.unread_data(config)
    if data.is_fetched:
        return None
    source = data.stream_source()
    if source is not None and source.bytes > MAX_DATA_BYTES:
        return None
    data.setup()
    return data


def _build_learner(config: dict[str, Any], data: "Data") -> "Learner":
    """A learner to look at, whose rows can be divided and whose phases can be planned.

    Raises: ConfigError for values that are refused; DataError for rows that folds cannot divide.
    """
    from lepton.config.validation import is_inside
    from lepton.finetune.machinery.phase_plan import plans_of
    from lepton.training.inside import divided
    from lepton.training.learner import build_learner
    from lepton.training.network import Network

    learner = build_learner(config, data.spec)
    if is_inside(config):
        divided(learner, data)
    if isinstance(learner, Network) and learner.fine_tuning is not None:
        plans_of(learner.methods[0])
    return learner


def _try_training_options(config: dict[str, Any], learner: "Learner", data: "Data") -> None:
    """Makes what else a training needs of its config.

    Raises: ConfigError for values that are refused.
    """
    from lepton import build
    from lepton.evaluation.adding import refuse_evaluations_of
    from lepton.optimizer.parameter_groups import parameter_groups
    from lepton.training.network import Network

    refuse_evaluations_of(config, learner, data)
    if not isinstance(learner, Network):
        return
    groups = parameter_groups(learner.model)
    for method in learner.methods:
        groups = method.groups(learner.model, groups)
    optimizer = build.component(config, "optimizer", params=groups)
    if config["scheduler"]:
        from lepton.scheduler.interval import steps_by_batch

        supplied: dict[str, Any] = {"optimizer": optimizer}
        if steps_by_batch(config):
            batches = math.ceil(len(data.splits["train"]["id"]) / data.batch_size)
            supplied["total_steps"] = batches * config["trainer"]["max_epochs"]
        build.component(config, "scheduler", **supplied)
