"""Chooses the task of data: the one that suits the target."""

from typing import Any

from lepton.errors import ConfigError
from lepton.spec import DataSpec
from lepton.task.base import WITHOUT_TARGET, Task
from lepton.task.binary import Binary
from lepton.task.multiclass import Multiclass
from lepton.task.multilabel import Multilabel
from lepton.task.regression import Regression

TASKS: dict[str, type[Task]] = {
    task.name: task for task in (Binary, Multiclass, Multilabel, Regression)
}


def task_for(spec: DataSpec, **settings: Any) -> Task:
    """The task of this data; `settings` are what a Task takes.

    Raises: ConfigError for an unknown metric, for class weights that do not fit the classes, and
        for data without a target.
    """
    if spec.task not in TASKS:
        raise ConfigError(WITHOUT_TARGET)
    return TASKS[spec.task](spec, **settings)
