"""Builds the members of stacks: each one's network with its first weights, and its schedule."""

from contextlib import suppress
from math import ceil
from pathlib import Path

from lepton import build
from lepton.dataset.data import Data
from lepton.dataset.load.batches import EvaluationBatches, TrainingBatches
from lepton.errors import LeptonError
from lepton.evaluation.told_runs import tell_named_runs
from lepton.model.shared_encoder import sharing_encoders
from lepton.storage.run_folder import (
    CONFIG_FILE,
    failed_folder,
    pruned_folder,
    read_config,
    unfinished_folder,
)
from lepton.sweep.job import Job
from lepton.task import Task
from lepton.training.evaluation import constant_metrics, learn_constant
from lepton.training.learner import build_network
from lepton.training.rehearsal import rehearse_end
from lepton.training.start_score import start_score
from lepton.vectorize.grouping import shared_settings
from lepton.vectorize.hyperparameters import MemberSchedule, StepValues
from lepton.vectorize.member import AbsentMember, StackMember


class MemberBuilder:
    """Builds members of one group, on one copy of its data.

    `data`: what members train on, the features where all have the same frozen backbone.
    """

    def __init__(self, first_job: Job, raw_data: Data, description: Path):
        """`description`: a folder with the files that describe the data."""
        self.first_job, self.raw_data, self.description = first_job, raw_data, description
        self.data = raw_data
        self.constants: dict[tuple, dict[str, float]] = {}  # of the constant predictor, by metrics
        self.schedule_values: dict[str, list[StepValues]] = {}  # that several members follow
        strategy = first_job.config["finetune"]
        probes = strategy and build.import_target(strategy, "finetune").probes
        self.frozen_encoders = {} if probes else None  # that all members look at the data with

    def has_row_batches(self) -> bool:
        """True where batches are slices of tensors that several runs can share."""
        train, val = self.data.train_dataloader(), self.data.val_dataloader()
        return isinstance(train, TrainingBatches) and isinstance(val, EvaluationBatches)

    def build(self, job: Job) -> StackMember:
        """The member of a job, at its start."""
        with sharing_encoders(self.frozen_encoders):
            network = build_network(job.config, self.raw_data.spec)
            tell_named_runs(job.config, network, self.raw_data)
            rehearse_end(job.config, network, self.raw_data, self.description)
        [phase] = network.prepare_phases(self.raw_data)
        if self.data is self.raw_data:
            self.data = phase.data
        batches = self.data.train_dataloader().num_batches
        steps = ceil(batches / job.config["trainer"]["accumulate_grad_batches"])
        schedule = MemberSchedule(job.config, steps=steps, values_by_config=self.schedule_values)
        start = start_score(network, phase)
        return StackMember(job, network, schedule, self._constant(network.task), start=start)

    def build_absent(self, folder: Path, left: int | None) -> AbsentMember | None:
        """The member that holds the row of a run that is not to be trained, if it can be built.

        `folder`: of the run, when it is finished; `left` as in AbsentMember.
        """
        states = (unfinished_folder, failed_folder, pruned_folder)
        for path in (folder, *(state_folder(folder) for state_folder in states)):
            with suppress(LeptonError):
                config = read_config(path / CONFIG_FILE)
                if shared_settings(config) == shared_settings(self.first_job.config):
                    member = self.build(Job((), config, folder))
                    return AbsentMember.instead_of(member, left=left)
        return None

    def _constant(self, task: Task) -> dict[str, float]:
        """The metrics of a run's constant predictor, computed once for all that have the same."""
        learn_constant(self.raw_data, task)
        row = task.constant(1)
        metrics = ((name, metric.key) for name, metric in task.added_metrics.items())
        key = (*metrics, None if row is None else tuple(row.flatten().tolist()))
        if key not in self.constants:
            self.constants[key] = constant_metrics(self.raw_data, task)
        return self.constants[key]
