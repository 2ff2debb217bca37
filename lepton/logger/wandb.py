"""WandbTracker: a run of lepton's as a run of Weights & Biases."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lepton.compat.lightning import WandbLogger, rank_zero_experiment, rank_zero_only
from lepton.compat.optional import import_optional
from lepton.logger.tracked_run import FinishedRun, TrackedRun

MOST_TAG = 64  # characters of a tag


class WandbTracker(WandbLogger):
    """Lightning's logger for W&B, each with a run of its own whose id says which run it tells of.

    Its files lie in `folder`, which is not renamed when a run is finished. A run that is told again
    takes the place of the one before: offline of its folder, on the server by its id.
    """

    def __init__(
        self,
        *,
        run: TrackedRun,
        project: str,
        entity: str | None,
        group: str,
        offline: bool,
        folder: str,
    ):
        self.wandb = import_optional("wandb", needed_by="logger=wandb")
        super().__init__(name=run.name, project=project, id=run.id, save_dir=folder)
        self.run, self.folder, self.offline = run, Path(folder), offline
        self.own_settings = {"project": project, "entity": entity, "group": group}
        self.has_ended = False

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """W&B's run, begun when it is asked for first."""
        if self._experiment is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            for earlier in self.folder.glob(f"wandb/offline-run-*-{self.run.id}"):
                shutil.rmtree(earlier)
            self._experiment = self.wandb.init(
                **self.own_settings,
                id=self.run.id,
                name=self.run.name,
                tags=[f"{key}:{text}"[:MOST_TAG] for key, text in self._short_tags().items()],
                notes=self.run.folder.as_uri(),
                dir=str(self.folder),
                mode="offline" if self.offline else "online",
                reinit="create_new",  # beside those of other runs that the process trains
                settings=self.wandb.Settings(silent=True, console="off"),
            )
            self._experiment.define_metric("trainer/global_step")
            self._experiment.define_metric("*", step_metric="trainer/global_step", step_sync=True)
        return self._experiment

    def _short_tags(self) -> dict[str, str]:
        return {key: text for key, text in self.run.tags.items() if key != "folder"}

    @rank_zero_only
    def begin(self) -> None:
        """Tells the config."""
        params = {**self.run.params, "folder": self.run.folder.as_uri()}
        self.experiment.config.update(params, allow_val_change=True)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Tells metrics of a step; of a run that has ended W&B would take no more."""
        if not self.has_ended:
            super().log_metrics(metrics, step)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Ends W&B's run."""
        super().finalize(status)
        if self._experiment is not None and not self.has_ended:
            self.has_ended = True
            self._experiment.finish(exit_code=0 if status == "success" else 1)

    @rank_zero_only
    def publish(self, run: FinishedRun) -> None:
        """Tells all of a finished run."""
        self.begin()
        for step, values in run.history:
            self.log_metrics(values, step)
        self.experiment.summary.update(run.metrics)
        artifact = self.wandb.Artifact(name=f"run-{run.id}", type="lepton-run")
        for folder, path in run.files:
            artifact.add_file(str(path), name=f"{folder}/{path.name}" if folder else path.name)
        self.experiment.log_artifact(artifact)
        self.finalize("success")
