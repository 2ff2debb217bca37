"""TensorBoardTracker: the curves of a run, and its config and metrics under HParams."""

from pathlib import Path

from lepton.compat.lightning import TensorBoardLogger, rank_zero_only
from lepton.compat.optional import import_optional
from lepton.logger.tracked_run import FinishedRun, TrackedRun

EVENT_FILES = "events.out.tfevents.*"


class TensorBoardTracker(TensorBoardLogger):
    """Lightning's logger for TensorBoard, which writes to `folder`/STUDY/RUN.

    What was written there of the run before goes when it is told again.
    """

    def __init__(self, *, run: TrackedRun, folder: str):
        import_optional("tensorboard", needed_by="logger=tensorboard")
        super().__init__(folder, name=run.study, version=run.name, default_hp_metric=False)
        self.run = run

    @rank_zero_only
    def begin(self) -> None:
        """Removes what an earlier process has told of the run, and says where the run lies."""
        for path in Path(self.log_dir).glob(EVENT_FILES):
            path.unlink(missing_ok=True)
        link = f"[{self.run.name}]({self.run.folder.as_uri()})"
        self.experiment.add_text("folder", link)

    @rank_zero_only
    def publish(self, run: FinishedRun) -> None:
        """Writes all of a finished run."""
        self.begin()
        for step, values in run.history:
            self.log_metrics(values, step)
        self.log_hyperparams(run.tags | run.params, run.metrics, run.last_step)
        self.finalize("success")
