"""MlflowTracker: a run of lepton's as a run of MLflow's, by whichever process it is told."""

import re
from collections.abc import Iterable, Mapping
from itertools import chain
from time import time
from typing import Any, Literal

import numpy as np

from lepton.compat.lightning import MLFlowLogger, rank_zero_only
from lepton.compat.mlflow import sqlite_file
from lepton.compat.optional import import_optional
from lepton.logger.tracked_run import FinishedRun, TrackedRun

ARTIFACTS = "mlartifacts"  # the folder beside a database of this machine that files go into
ID_TAG = "lepton.id"  # by which a run is found again
FOREIGN = re.compile(r"[^\w/. :-]")  # what MLflow refuses in names
MOST_METRICS, MOST_OTHERS = 1000, 100  # that a request may have
MOST_NAME, MOST_VALUE = 250, 6000  # characters of a param


class MlflowTracker(MLFlowLogger):
    """Lightning's logger for MLflow, which finds the run that it has begun before.

    In the experiment of the study a run has one run of MLflow's, whose tag `lepton.id` says which.
    Where that holds what this run has not, as before `rerun=true`, another one takes its place.
    """

    def __init__(
        self,
        *,
        run: TrackedRun,
        experiment_name: str,
        tracking_uri: str,
        artifact_location: str | None,
        log_model: Literal[True, False, "all"],
    ):
        if artifact_location is None and (database := sqlite_file(tracking_uri)):
            artifact_location = (database.absolute().parent / ARTIFACTS / experiment_name).as_uri()
        tracking = import_optional("mlflow.tracking", needed_by="logger=mlflow")
        self.entities = import_optional("mlflow.entities", needed_by="logger=mlflow")
        super().__init__(
            experiment_name=experiment_name,
            tracking_uri=tracking_uri,
            artifact_location=artifact_location,
            log_model=log_model,
        )
        self.run, self.place = run, artifact_location
        self.experiment_title, self.client = experiment_name, tracking.MlflowClient(tracking_uri)
        self.params = _named({key: str(value) for key, value in run.params.items()})
        self.told: dict[str, set[tuple[int, float]]] = {}  # of each metric: steps and values

    @rank_zero_only
    def begin(self) -> None:
        """Tells the config: to the run that an earlier process began, or to a new one."""
        self._run_id = self._earlier_run() or self._new_run()
        self._log(params=[self.entities.Param(*item) for item in self.params.items()])
        self._log(tags=[self.entities.RunTag(*item) for item in self.run.tags.items()])
        self.client.update_run(self._run_id, status="RUNNING")

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Tells what an earlier process has not told."""
        self._tell(_named(dict(metrics)), step or 0)

    @rank_zero_only
    def publish(self, run: FinishedRun) -> None:
        """Tells all of a finished run that MLflow has not been told."""
        self.begin()
        points: dict[str, set[tuple[int, float]]] = {}
        steps = [*run.history, (run.last_step, run.metrics)]
        for step, values in steps:
            for key, value in _named(values).items():
                points.setdefault(key, set()).add(_point(step, value))
        if any(self.told.get(key, set()) - expected for key, expected in points.items()):
            self.client.delete_run(self._run_id)
            self.begin()
        for step, values in steps:
            self._tell(_named(values), step)
        for folder, path in run.files:
            self.client.log_artifact(self._run_id, str(path), folder or None)
        self.client.set_terminated(self._run_id, "FINISHED")

    def _earlier_run(self) -> str | None:
        """The id of the run that was begun before, unless it was told another config."""
        experiment = self.client.get_experiment_by_name(self.experiment_title)
        if experiment is None:
            return None
        query = f"tags.`{ID_TAG}` = '{self.run.id}'"
        for earlier in self.client.search_runs([experiment.experiment_id], query):
            run_id, params = earlier.info.run_id, earlier.data.params
            if all(self.params.get(key, value) == value for key, value in params.items()):
                self.told = {
                    key: {_point(point.step, point.value) for point in self._history(run_id, key)}
                    for key in earlier.data.metrics
                }
                return run_id
            self.client.delete_run(run_id)
        return None

    def _history(self, run_id: str, key: str) -> list[Any]:
        return self.client.get_metric_history(run_id, key)

    def _new_run(self) -> str:
        tags = {ID_TAG: self.run.id}
        context = import_optional("mlflow.tracking.context.registry", needed_by="logger=mlflow")
        self.told = {}
        experiment_id = self._experiment_of_study()
        run = self.client.create_run(
            experiment_id, tags=context.resolve_tags(tags), run_name=self.run.name
        )
        return run.info.run_id

    def _experiment_of_study(self) -> str:
        """The id of the experiment, made now or by another run at the same moment."""
        name = self.experiment_title
        exceptions = import_optional("mlflow.exceptions", needed_by="logger=mlflow")
        if (experiment := self.client.get_experiment_by_name(name)) is not None:
            return experiment.experiment_id
        try:
            return self.client.create_experiment(name, artifact_location=self.place)
        except exceptions.MlflowException:
            if (experiment := self.client.get_experiment_by_name(name)) is None:
                raise
            return experiment.experiment_id

    def _tell(self, metrics: dict[str, float], step: int) -> None:
        now, new = int(time() * 1000), []
        for key, value in metrics.items():
            point = _point(step, value)
            if point not in self.told.setdefault(key, set()):
                self.told[key].add(point)
                new.append(self.entities.Metric(key, float(value), now, step))
        self._log(metrics=new)

    def _log(self, **told: Iterable[Any]) -> None:
        """Sends metrics, params or tags, as many at once as MLflow takes."""
        for kind, entries in told.items():
            entries, most = list(entries), MOST_METRICS if kind == "metrics" else MOST_OTHERS
            for first in range(0, len(entries), most):
                self.client.log_batch(self._run_id, **{kind: entries[first : first + most]})


def _point(step: int, value: float) -> tuple[int, float]:
    """A value at its step, as exact as Lightning tells it."""
    return step, float(np.float32(value))


def _named(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values under names that MLflow takes, each its own, and of a length that it takes."""
    named: dict[str, Any] = {}
    for key, value in values.items():
        name = FOREIGN.sub("_", key)[:MOST_NAME]
        others = (f"{name[: MOST_NAME - 4]}_{n}" for n in range(2, len(values) + 2))
        free = next(candidate for candidate in chain([name], others) if candidate not in named)
        named[free] = value[:MOST_VALUE] if isinstance(value, str) else value
    return named
