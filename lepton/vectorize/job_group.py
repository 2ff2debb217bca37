"""A group of runs as stacks: built, compared, cut to size, trained, and each recorded by itself."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from lepton import build, run
from lepton.dataset.load.batches import TrainingBatches
from lepton.errors import Claimed, Finished, LeptonError, Pruned
from lepton.model.shared_encoder import lending
from lepton.sweep.attempt import CLAIMED, failure_outcome
from lepton.sweep.job import Job
from lepton.sweep.progress import SweepProgress
from lepton.trainer.lightning_output import log_warnings_only
from lepton.training.learner import build_learner
from lepton.training.progress import Progress
from lepton.training.resume import describe_place
from lepton.training.signals import interruptible
from lepton.vectorize.batches import StackedData
from lepton.vectorize.checkpointing import StackSaver, group_by_saved_place
from lepton.vectorize.hyperparameters import MemberSchedule
from lepton.vectorize.member import StackMember
from lepton.vectorize.model_structure import structure_difference
from lepton.vectorize.module import StackedTrainingModule
from lepton.vectorize.stack_size import StackPlan, StackTrial, cpu_threads

log = logging.getLogger("lepton")
UnstackedJobs = list[tuple[Job, str]]


@dataclass(frozen=True)
class StackingOptions:
    """How groups become stacks.

    Units: `threads` of the CPU; `alone`: runs that would train at once outside a stack; `size`:
        members at most, None for what a trial finds fastest; `share` of the memory at hand.
    """

    threads: int
    alone: int
    size: int | None
    share: float = 0.5


class JobGroup:
    """Runs that may share stacks, on one copy of their data."""

    def __init__(self, jobs: Sequence[Job], options: StackingOptions, progress: SweepProgress):
        self.jobs, self.options, self.progress = jobs, options, progress
        self.known: dict[str, list] = {}  # schedules that several members follow
        strategy = jobs[0].config["finetune"]
        probes = strategy and hasattr(build.import_target(strategy), "probes")
        self.frozen = {} if probes else None  # encoders that all members look at the data with

    def train(self) -> UnstackedJobs:
        """Trains what it can; returns the rest, each job with the reason."""
        cfg = self.jobs[0].config
        with _lines() as self.lines, TemporaryDirectory() as described:
            try:
                self.raw, self.described = run.read_data(cfg), Path(described)
            except Exception as e:
                return self._all(f"their data cannot be read ({_last(e)})")
            self.data = self.raw
            run.save_data_description(self.raw, self.described)
            self.constant = run.constant_metrics(self.raw, build.task(cfg, self.raw.spec))
            alike, alone = self._alike(), []
            if not self._cut_by_row():
                return self._all("their data set cuts batches in a way of its own")
            for members in alike:
                alone += self._stacks(members)
        return alone

    def _cut_by_row(self) -> bool:
        return isinstance(self.data.train_dataloader(), TrainingBatches)

    def _all(self, why: str) -> UnstackedJobs:
        return [(job, why) for job in self.jobs]

    def _alike(self) -> list[list[StackMember]]:
        """The runs with their first weights, divided into those of the same structure."""
        alike: list[list[StackMember]] = []
        for job in self.jobs:
            try:
                member = self._member(job)
            except Exception as e:
                outcome = failure_outcome(job, e)
                log.error("%s: %s", job, outcome.line)
                self.progress.ended(job, outcome.kind)
                continue
            if not self._cut_by_row():
                break
            for same in alike:
                apart = structure_difference(
                    same[0].network.trained_module, member.network.trained_module
                )
                if apart is None:
                    same.append(member)
                    break
                member.apart = same[0].apart = apart
            else:
                alike.append([member])
        return alike

    def _member(self, job: Job) -> StackMember:
        with lending(self.frozen):
            network = build_learner(job.config, self.raw.spec)
        [part] = network.prepare_phases(self.raw)
        if self.data is self.raw:
            self.data = part.data  # features, where all members have the same frozen backbone
        batches = self.data.train_dataloader().num_batches
        steps = ceil(batches / job.config["trainer"]["accumulate_grad_batches"])
        schedule = MemberSchedule(job.config, steps=steps, known=self.known)
        return StackMember(job, network, schedule)

    def _stacks(self, members: list[StackMember]) -> UnstackedJobs:
        """Cuts runs of one structure into stacks of the size that is best here, and trains them."""
        alone = []
        for same in group_by_saved_place(members):
            alone += self._cut(same, self._kept(same[0]) or self._best(same))
        return alone

    def _kept(self, member: StackMember) -> StackPlan | None:
        """The stack that a member was saved in."""
        state = member.saved
        return StackPlan(state["size"], state["threads"]) if state else None

    def _best(self, members: list[StackMember]) -> StackPlan | str:
        """The stack to train in, or why there is none."""
        if len(members) == 1:
            apart = members[0].apart
            return f"its model differs in {apart}" if apart else "the others have begun already"
        trainer, threads = self._trainer(members), self.options.threads
        trial = StackTrial(members, self.data, trainer, threads=threads, share=self.options.share)
        return trial.mismatch() or self._choice(trial)

    def _cut(self, members: list[StackMember], best: StackPlan | str) -> UnstackedJobs:
        if isinstance(best, str):
            return [(member.job, best) for member in members]
        stacks, alone = -(-len(members) // best.size), []
        size = -(-len(members) // stacks)
        with cpu_threads(best.threads):
            for start in range(0, len(members), size):
                if not self.progress.stop_reason:
                    alone += self._fit(members[start : start + size])
        return alone

    def _choice(self, trial: StackTrial) -> StackPlan | str:
        if self.options.size is not None:
            return StackPlan(self.options.size, self.options.threads)
        return trial.best(self.options.alone)

    def _trainer(self, members: list[StackMember]):
        cfg = members[0].job.config
        epochs = max(member.job.config["trainer"]["max_epochs"] for member in members)
        setting = {"max_epochs": epochs, "threads": None}
        log_warnings_only()
        return build.instantiate(cfg["trainer"] | setting, callbacks=[Progress()], logger=False)

    def _fit(self, members: list[StackMember]) -> UnstackedJobs:
        """Trains one stack; where memory is too small for it, two of half its size."""
        self.open = []
        try:
            for member in members:
                self._begin(member)
            if self.open:
                self._train()
        except Exception as e:
            why, halve = f"its stack ended: {_last(e)}", _out_of_memory(e) and len(self.open) > 1
        except BaseException as e:
            for member in self.open:
                member.forget(e)
            raise
        else:
            return []
        jobs = [member.job for member in self.open]
        for member in self.open:
            member.forget(keep=halve)
        if not halve:
            return [(job, why) for job in jobs]
        log.info("not enough memory for %d runs at once; halving", len(jobs))
        half = len(jobs) // 2
        return [
            left
            for part in (jobs[:half], jobs[half:])
            for left in self._fit([self._member(job) for job in part])
        ]

    def _begin(self, member: StackMember) -> None:
        try:
            member.begin()
        except Finished:
            self.progress.ended(member.job)
        except Claimed as e:
            log.info("    %s", e)
            self.progress.ended(member.job, CLAIMED)
        except LeptonError as e:
            self._lost(member, e)
        else:
            self.open.append(member)
            self.progress.started(member.job)

    def _train(self) -> None:
        begun = f", from {describe_place(*self.open[0].place[:2])} on" if self.open[0].saved else ""
        log.info("training %d runs as one stack%s ...", len(self.open), begun)
        for member in self.open:
            member.network.trained_as = f"stack of {len(self.open)}"
        cfg = self.open[0].job.config
        learner = StackedTrainingModule(
            list(self.open),
            StackedData(self.data, [member.seed for member in self.open]),
            accumulate=cfg["trainer"]["accumulate_grad_batches"],
            ended=self._end,
            saving=StackSaver(cfg["trainer"]["checkpoint_every"]),
        )
        with torch.random.fork_rng(), interruptible(saving=True):
            self._trainer(self.open).fit(learner, datamodule=learner.data)

    def _end(self, member: StackMember) -> None:
        """Records a run that has left its stack; what goes wrong is its own failure."""
        self.open.remove(member)
        try:
            member.finish(self.data, self.described, self.constant, self.lines)
        except Pruned as e:
            log.info("    %s: %s", member.job, e)
            self.progress.ended(member.job)
        except Exception as e:
            self._lost(member, e)
        else:
            self.progress.ended(member.job)

    def _lost(self, member: StackMember, error: Exception) -> None:
        outcome = failure_outcome(member.job, error, recorded=not isinstance(error, LeptonError))
        log.error("%s: %s", member.job, outcome.line)
        self.progress.ended(member.job, outcome.kind)


def _out_of_memory(e: Exception) -> bool:
    return isinstance(e, MemoryError | torch.OutOfMemoryError) or "can't allocate" in str(e)


def _last(e: Exception) -> str:
    return f"{type(e).__name__}: {' '.join(str(e).split())}"


@contextmanager
def _lines() -> Iterator[list[str]]:
    """What is said under the logger `lepton` meanwhile, as the lines of a run's log."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    handler.emit = lambda record: lines.append(handler.format(record))
    log.addHandler(handler)
    level = log.level
    log.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        log.setLevel(level)
        log.removeHandler(handler)
