"""Chooses the task of data: the one that suits the target."""

from collections.abc import Sequence

from lepton.errors import ConfigError
from lepton.loss.option import LossOption
from lepton.metric.option import MetricOption
from lepton.metric.scoring import CALIBRATION_BINS
from lepton.spec import DataSpec
from lepton.task.base import WITHOUT_TARGET, Task
from lepton.task.binary import Binary
from lepton.task.multiclass import Multiclass
from lepton.task.multilabel import Multilabel
from lepton.task.regression import Regression

TASKS: dict[str, type[Task]] = {
    task.name: task for task in (Binary, Multiclass, Multilabel, Regression)
}


def task_for(
    spec: DataSpec,
    *,
    class_weights: str | list[float] | None,
    monitor: str | None,
    calibration_bins: int = CALIBRATION_BINS,
    loss: LossOption | None = None,
    added_metrics: Sequence[MetricOption] = (),
) -> Task:
    """The task of this data; `monitor` defaults to the loss's metric, log_loss, or rmse.

    Raises: ConfigError for an unknown metric, for class weights that do not fit the classes, and
        for data without a target.
    """
    if spec.task not in TASKS:
        raise ConfigError(WITHOUT_TARGET)
    return TASKS[spec.task](
        spec,
        class_weights=class_weights,
        monitor=monitor,
        calibration_bins=calibration_bins,
        loss=loss,
        added_metrics=added_metrics,
    )
