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

from lepton import run
from lepton.errors import Locked
from lepton.evaluation.adding import refuse_evaluations_of
from lepton.storage.run_folder import (
    RESULT_FILE,
    failed_folder,
    pruned_folder,
)
from lepton.storage.run_log import collected_log
from lepton.storage.stack_records import StackRecord, StackRecords
from lepton.sweep.attempt import LOCKED, is_out_of_memory
from lepton.sweep.job import Job
from lepton.sweep.progress import SweepProgress
from lepton.training.data_description import write_data_description
from lepton.vectorize.batches import needs_whole_copy
from lepton.vectorize.building import MemberBuilder
from lepton.vectorize.composition import compose_stack, group_by_saved_place
from lepton.vectorize.guard import StackMismatch
from lepton.vectorize.member import AbsentMember, StackMember
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

    Units: `threads` of the CPU; `size`: members at most, None for what their sizes ask for;
        `memory_share` of the free memory.
    """

    threads: int
    size: int | None
    memory_share: float = 0.5


class JobGroup:
    """Jobs that may share stacks, on one copy of their data."""

    def __init__(self, jobs: Sequence[Job], options: StackingOptions, progress: SweepProgress):
        self.jobs, self.options, self.progress = jobs, options, progress
        self.study = StackRecords(jobs[0].folder.parent)
        self.mismatch = ""  # why no more stacks of one structure are tried
        self.recorded: list[StackMember] = []  # of the stacks of one structure

    def train(self) -> UnstackedJobs:
        """Trains the jobs that can be stacked; returns the others, each with the reason."""
        self._leave_out_finished()
        if not self.jobs:
            return []
        config = self.jobs[0].config
        with collected_log() as collected, TemporaryDirectory() as folder:
            try:
                data = run.read_data(config)
            except Exception as e:
                return self._all_unstacked(f"their data cannot be read ({_one_line(e)})")
            self.log, description = collected, Path(folder)
            write_data_description(data, description)
            self.builder = MemberBuilder(self.jobs[0], data, description)
            groups = self._group_by_structure()
            if not self.builder.has_row_batches():
                return self._all_unstacked("their data set cuts batches in a way of its own")
            self.records = SharedRecords(
                self.builder.data, description, list(collected.lines), collected
            )
            unstacked = []
            for members in groups:
                self.mismatch, self.recorded = "", []
                unstacked += self._train_in_stacks(members)
        return unstacked

    def _leave_out_finished(self) -> None:
        """Leaves out the runs that another process has finished since the sweep was planned."""
        finished = [
            job
            for job in self.jobs
            if not job.config["rerun"] and (job.folder / RESULT_FILE).is_file()
        ]
        for job in finished:
            self.progress.ended(job)
        self.jobs = [job for job in self.jobs if job not in finished]

    def _all_unstacked(self, reason: str) -> UnstackedJobs:
        return [(job, reason) for job in self.jobs]

    def _group_by_structure(self) -> list[list[StackMember]]:
        """The runs with their first weights, divided into those of the same structure."""
        groups: list[list[StackMember]] = []
        for job in self.jobs:
            try:
                member = self.builder.build(job)
                refuse_evaluations_of(job.config, member.network, self.builder.data)
            except Exception as e:
                with self.log.paused():
                    report_failure(job, e, self.progress)
                continue
            if not self.builder.has_row_batches():
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

    def _train_in_stacks(self, members: list[StackMember]) -> UnstackedJobs:
        """Trains members of one structure in the stacks that the study has recorded for them."""
        begin, records = len(self.log.lines), self.records
        unstacked = self._form_stacks(members)
        self.records = replace(records, log_lines=records.log_lines + self.log.lines[begin:])
        present = {member.job.folder.name: member for member in members}
        by_run = self.study.by_run()
        stacks = {by_run[run].name: by_run[run] for run in present if run in by_run}
        for stack in stacks.values():
            if self.mismatch:
                unstacked += self._give_up(stack, present, self.mismatch)
            elif not self.progress.stop_reason and self.progress.may_start(*_jobs(stack, present)):
                with cpu_threads(stack.threads):
                    unstacked += self._train_recorded(stack, present)
        self.records = records
        return unstacked

    def _form_stacks(self, members: list[StackMember]) -> UnstackedJobs:
        """Records stacks for those members that are in none; returns those that are to be in none.

        Members that an earlier version saved form stacks as they were saved.
        """
        alone, by_run, unstacked, new = self.study.alone(), self.study.by_run(), [], []
        for member in members:
            run = member.job.folder.name
            if run in alone:
                unstacked.append((member.job, alone[run]))
            elif run not in by_run:
                new.append(member)
        for saved_together in group_by_saved_place(new):
            plan = self._plan(saved_together)
            if isinstance(plan, str):
                unstacked += [(member.job, plan) for member in saved_together]
                continue
            runs = [member.job.folder.name for member in saved_together]
            size = ceil(len(runs) / ceil(len(runs) / plan.size))
            stacks = [runs[start : start + size] for start in range(0, len(runs), size)]
            self.study.add(stacks, plan.threads)
        return unstacked

    def _plan(self, members: list[StackMember]) -> StackPlan | str:
        """The size of new stacks, or the reason why there are none."""
        first, options = members[0], self.options
        if first.saved_places:
            state = next(first.checkpoints.peek_all())
            return StackPlan(state["size"], state["threads"])
        if method := next((m for m in first.network.methods if m.alone), None):
            return f"{method.stream_name} {method.alone}"
        if len(members) == 1:
            if first.model_difference:
                return f"its model differs in {first.model_difference}"
            return "the others have begun already"
        if options.size == 1:
            return "hydra.launcher.size=1"
        trial = StackTrial(
            members,
            self.builder.data,
            build_trainer(members),
            threads=options.threads,
            memory_share=options.memory_share,
        )
        if needs_whole_copy(self.builder.data, trial.device, trial.dtype):
            return "its data are streamed, and a stack would hold them whole on its device"
        if reason := trial.mismatch():
            return reason
        if options.size is not None:
            return StackPlan(options.size, options.threads)
        return trial.plan()

    def _train_recorded(self, stack: StackRecord, present: dict[str, StackMember]) -> UnstackedJobs:
        """Trains a stack of the study, unless another process does."""
        jobs = _jobs(stack, present)
        try:
            with self.study.training(stack):
                stack = self.study.by_run().get(stack.runs[0], stack)
                composition = compose_stack(stack, present, self._absent)
                left_behind = [
                    (m.job, "its stack went on without it") for m in composition.left_behind
                ]
                return left_behind + self._train_stack(stack, composition.members)
        except Locked as locked:
            log.info("    %s", locked)
            for job in jobs:
                self.progress.ended(job, LOCKED)
            return []

    def _absent(self, run: str, left: int | None) -> AbsentMember | None:
        return self.builder.build_absent(self.study.folder.parent / run, left)

    def _train_stack(self, stack: StackRecord, members: list[StackMember]) -> UnstackedJobs:
        """Trains one stack; where memory is too small for it, two of half its size."""

        def note_left(leaving: Sequence[StackMember]) -> None:
            nonlocal stack
            runs = [member.job.folder.name for member in leaving]
            stack = self.study.note_left(stack, runs, len(leaving[0].network.history))

        training = StackTraining(
            members, self.records, self.progress, size=len(stack.runs), on_leave=note_left
        )
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
            self.study.remove(stack)
            return []
        finally:
            self.recorded += training.recorded
        training.abandon(keep_checkpoints=halve)
        open_runs = {member.job.folder.name: member for member in training.open_members}
        if not halve:
            return self._give_up(stack, open_runs, reason)
        log.info("not enough memory for %d runs at once; halving", len(open_runs))
        jobs, middle = [m.job for m in training.open_members], len(open_runs) // 2
        self.study.remove(stack)
        unstacked = []
        for half in (jobs[:middle], jobs[middle:]):
            rebuilt = {job.folder.name: self.builder.build(job) for job in half}
            self.study.add([list(rebuilt)], stack.threads)
            smaller = self.study.by_run()[half[0].folder.name]
            unstacked += self._train_recorded(smaller, rebuilt)
        return unstacked

    def _give_up(
        self, stack: StackRecord, present: dict[str, StackMember], reason: str
    ) -> UnstackedJobs:
        """Records that runs of a stack are trained alone, and those that it must not have ended."""
        jobs = _jobs(stack, present)
        if self.mismatch:
            jobs += self._taken_back()
        self.study.train_alone([job.folder.name for job in jobs], reason)
        self.study.remove(stack)
        return [(job, reason) for job in jobs]

    def _taken_back(self) -> list[Job]:
        """The runs that stacks of this structure have recorded, without what was recorded."""
        jobs = [member.job for member in self.recorded]
        self.recorded = []
        for job in jobs:
            self.progress.taken_back(job)
            for folder in (job.folder, pruned_folder(job.folder), failed_folder(job.folder)):
                shutil.rmtree(folder, ignore_errors=True)
        return jobs


def _jobs(stack: StackRecord, present: dict[str, StackMember]) -> list[Job]:
    """The runs of a stack that are there."""
    return [present[run].job for run in stack.runs if run in present]


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
