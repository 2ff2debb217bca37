"""Trains a group of jobs as stacks: built, compared by structure, cut to size, trained in turn.

A `JobGroup` builds a `StackMember` for each job and asks a `StackTrial` how many shall share a
stack. `StackTraining` trains one stack with Lightning, which calls the `Stack` through its
`StackedTrainingModule`.
"""

import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory

from lepton import build, run
from lepton.dataset.load.batches import EvaluationBatches, TrainingBatches
from lepton.dataset.load.target_digits import target_to_learn
from lepton.model.shared_encoder import sharing_encoders
from lepton.storage.run_folder import failed_folder, pruned_folder
from lepton.storage.run_log import collected_log
from lepton.sweep.attempt import is_out_of_memory
from lepton.sweep.job import Job
from lepton.sweep.progress import SweepProgress
from lepton.task import Task
from lepton.training.data_description import write_data_description
from lepton.training.evaluation import constant_metrics
from lepton.training.learner import build_network
from lepton.training.rehearsal import rehearse_end
from lepton.vectorize.batches import needs_whole_copy
from lepton.vectorize.checkpointing import group_by_saved_place
from lepton.vectorize.guard import StackMismatch
from lepton.vectorize.hyperparameters import MemberSchedule, StepValues
from lepton.vectorize.member import StackMember
from lepton.vectorize.model_structure import structure_difference
from lepton.vectorize.stack_size import StackPlan, StackTrial, cpu_threads
from lepton.vectorize.stack_training import (
    SharedRecords,
    StackTraining,
    build_trainer,
    report_failure,
)

log = logging.getLogger("lepton")
UnstackedJobs = list[tuple[Job, str]]  # with the reason of each


@dataclass(frozen=True)
class StackingOptions:
    """The limits in which groups become stacks.

    Units: `threads` of the CPU; `runs_at_once`: runs that would train at the same time outside a
        stack; `size`: members at most, None for what a trial finds fastest; `memory_share` of the
        free memory.
    """

    threads: int
    runs_at_once: int
    size: int | None
    memory_share: float = 0.5


class JobGroup:
    """Jobs that may share stacks, on one copy of their data."""

    def __init__(self, jobs: Sequence[Job], options: StackingOptions, progress: SweepProgress):
        self.jobs, self.options, self.progress = jobs, options, progress
        self.mismatch = ""  # why no more stacks of one structure are tried
        self.recorded: list[StackMember] = []  # of the stacks of one structure
        self.constants: dict[tuple, dict[str, float]] = {}  # of the constant predictor, by metrics
        self.schedule_values: dict[str, list[StepValues]] = {}  # that several members follow
        strategy = jobs[0].config["finetune"]
        probes = strategy and build.import_target(strategy, "finetune").probes
        self.frozen_encoders = {} if probes else None  # that all members look at the data with

    def train(self) -> UnstackedJobs:
        """Trains the jobs that can be stacked; returns the others, each with the reason."""
        config = self.jobs[0].config
        with collected_log() as collected, TemporaryDirectory() as folder:
            try:
                self.raw_data = run.read_data(config)
            except Exception as e:
                return self._all_unstacked(f"their data cannot be read ({_one_line(e)})")
            self.data = self.raw_data
            self.description, self.log = Path(folder), collected
            write_data_description(self.raw_data, self.description)
            groups = self._group_by_structure()
            if not self._has_row_batches():
                return self._all_unstacked("their data set cuts batches in a way of its own")
            self.records = SharedRecords(
                self.data, self.description, list(collected.lines), collected
            )
            unstacked = []
            for members in groups:
                self.mismatch, self.recorded = "", []
                for saved_together in group_by_saved_place(members):
                    unstacked += self._train_in_stacks(saved_together)
        return unstacked

    def _has_row_batches(self) -> bool:
        train, val = self.data.train_dataloader(), self.data.val_dataloader()
        return isinstance(train, TrainingBatches) and isinstance(val, EvaluationBatches)

    def _all_unstacked(self, reason: str) -> UnstackedJobs:
        return [(job, reason) for job in self.jobs]

    def _group_by_structure(self) -> list[list[StackMember]]:
        """The runs with their first weights, divided into those of the same structure."""
        groups: list[list[StackMember]] = []
        for job in self.jobs:
            try:
                member = self._build_member(job)
            except Exception as e:
                with self.log.paused():
                    report_failure(job, e, self.progress)
                continue
            if not self._has_row_batches():
                break
            for group in groups:
                difference = structure_difference(
                    group[0].network.trained_module, member.network.trained_module
                )
                if difference is None:
                    group.append(member)
                    break
                member.model_difference = group[0].model_difference = difference
            else:
                groups.append([member])
        return groups

    def _build_member(self, job: Job) -> StackMember:
        with sharing_encoders(self.frozen_encoders):
            network = build_network(job.config, self.raw_data.spec)
            rehearse_end(job.config, network, self.raw_data, self.description)
        [phase] = network.prepare_phases(self.raw_data)
        if self.data is self.raw_data:
            self.data = phase.data  # features, where all members have the same frozen backbone
        batches = self.data.train_dataloader().num_batches
        steps = ceil(batches / job.config["trainer"]["accumulate_grad_batches"])
        schedule = MemberSchedule(job.config, steps=steps, values_by_config=self.schedule_values)
        return StackMember(job, network, schedule, self._constant(network.task))

    def _constant(self, task: Task) -> dict[str, float]:
        """The metrics of a run's constant predictor, computed once for all that have the same."""
        data = self.raw_data
        task.learn_constant(target_to_learn(data.splits["train"]["target"], data.spec))
        row = task.constant(1)
        metrics = ((name, metric.key) for name, metric in task.added_metrics.items())
        key = (*metrics, None if row is None else tuple(row.flatten().tolist()))
        if key not in self.constants:
            self.constants[key] = constant_metrics(self.raw_data, task)
        return self.constants[key]

    def _train_in_stacks(self, members: list[StackMember]) -> UnstackedJobs:
        """Trains members that start at the same place, in stacks of about the same size."""
        begin, records = len(self.log.lines), self.records
        plan = self.mismatch or self._plan(members)
        lines = records.log_lines + self.log.lines[begin:]
        if isinstance(plan, str):
            return [(member.job, plan) for member in members]
        self.records = replace(records, log_lines=lines)
        stacks, unstacked = ceil(len(members) / plan.size), []
        size = ceil(len(members) / stacks)
        with cpu_threads(plan.threads):
            for start in range(0, len(members), size):
                of_stack = members[start : start + size]
                if self.mismatch:
                    unstacked += [(member.job, self.mismatch) for member in of_stack]
                elif not self.progress.stop_reason:
                    unstacked += self._train_stack(of_stack)
        self.records = records
        return unstacked

    def _plan(self, members: list[StackMember]) -> StackPlan | str:
        """The size of stacks to train in, or the reason why there is none."""
        first, options = members[0], self.options
        if state := first.saved_state:
            return StackPlan(state["size"], state["threads"])
        if len(members) == 1:
            if first.model_difference:
                return f"its model differs in {first.model_difference}"
            return "the others have begun already"
        trial = StackTrial(
            members,
            self.data,
            build_trainer(members),
            threads=options.threads,
            memory_share=options.memory_share,
        )
        if needs_whole_copy(self.data, trial.device, trial.dtype):
            return "its data are streamed, and a stack would hold them whole on its device"
        if reason := trial.mismatch():
            return reason
        if options.size is not None:
            return StackPlan(options.size, options.threads)
        return trial.fastest(options.runs_at_once)

    def _train_stack(self, members: list[StackMember]) -> UnstackedJobs:
        """Trains one stack; where memory is too small for it, two of half its size."""
        training = StackTraining(members, self.records, self.progress)
        try:
            training.train()
        except StackMismatch as e:
            self.mismatch = reason = str(e)
            halve = False
        except Exception as e:
            reason = f"its stack ended: {_one_line(e)}"
            halve = is_out_of_memory(e) and len(training.open_members) > 1
        except BaseException as e:
            training.abandon(e)
            raise
        else:
            return []
        finally:
            self.recorded += training.recorded
        training.abandon(keep_checkpoints=halve)
        jobs = [member.job for member in training.open_members]
        if self.mismatch:
            jobs += self._taken_back()
        if not halve:
            return [(job, reason) for job in jobs]
        log.info("not enough memory for %d runs at once; halving", len(jobs))
        middle = len(jobs) // 2
        unstacked = []
        for half in (jobs[:middle], jobs[middle:]):
            unstacked += self._train_stack([self._build_member(job) for job in half])
        return unstacked

    def _taken_back(self) -> list[Job]:
        """The runs that stacks of this structure have recorded, without what was recorded."""
        jobs = [member.job for member in self.recorded]
        self.recorded = []
        for job in jobs:
            self.progress.taken_back(job)
            for folder in (job.folder, pruned_folder(job.folder), failed_folder(job.folder)):
                shutil.rmtree(folder, ignore_errors=True)
        return jobs


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
