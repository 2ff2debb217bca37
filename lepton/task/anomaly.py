"""Anomaly: how far a part is from good ones, learned from good parts alone."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from scipy.special import betaincinv
from torch import Tensor

from lepton.decision.rule import DecisionRule
from lepton.errors import ConfigError, DataError
from lepton.loss.option import LossOption
from lepton.metric.option import MetricOption
from lepton.metric.ranking import auroc, average_precision
from lepton.spec import DataSpec
from lepton.storage.predictions import PredictionColumns, named_columns
from lepton.task.base import Batch, Task
from lepton.values.bounds import Between0And1

ALARM = 1.0  # the score from above which a part is said to be no good one
LEVEL = 0.95  # of the interval of a rate
LEAST_LIMIT = 1e-12  # of a score that is divided by it
NEED_DEFECTS = ("auroc", "average_precision", "detection_rate")  # and are undefined without
WITHOUT_DEFECTS = "false_alarm_rate"  # what is monitored then
log = logging.getLogger("lepton")


class Anomaly(Task):
    """A score a part, 0 or more, that is above 1 where an alarm is raised.

    Models give distances from good parts in a unit of their own. They are divided by a limit that a
    share of the good parts of val exceeds, at most `false_alarm_rate`. The good parts of val chose
    the limit, so that those of test say what the rate is.
    """

    name = "anomaly"
    threshold = ALARM
    trains_networks: ClassVar[bool] = False
    metrics: Mapping[str, bool] = {
        "auroc": True,
        "average_precision": True,
        "false_alarm_rate": False,
        "false_alarm_rate_low": False,
        "false_alarm_rate_high": False,
        "detection_rate": True,
    }

    def __init__(
        self,
        spec: DataSpec,
        *,
        normal: str | int | bool,
        false_alarm_rate: Between0And1,
        monitor: str | None,
        loss: LossOption | None = None,
        added_metrics: Sequence[MetricOption] = (),
    ) -> None:
        """Takes what was chosen of the groups task and metric; models for it heed no loss."""
        self.false_alarm_rate, self.is_monitor_chosen = false_alarm_rate, monitor is not None
        super().__init__(spec, class_weights=None, monitor=monitor, added_metrics=added_metrics)

    @classmethod
    def only_class(cls, settings: Mapping[str, Any]) -> str | int | bool | None:
        return settings["normal"]

    def fix_limit(self, scores: Tensor) -> float:
        """The lowest of the scores of good parts that no larger share exceeds than may.

        Shapes: scores (good parts,).
        """
        ordered = scores.double().sort(descending=True).values
        return max(ordered[int(self.false_alarm_rate * len(ordered))].item(), LEAST_LIMIT)

    def finish(self, model: Any, val: Batch) -> None:
        """Gives the model its limit.

        Raises: DataError where val has no good parts; ConfigError where it has no defects, and the
            monitor that was chosen needs some.
        """
        is_good = val["target"] == 0
        if not is_good.any():
            normal = self.spec.classes[0]
            raise DataError(f"the val split has no rows of class {normal!r}, which set the limit")
        if is_good.all() and self.monitor in NEED_DEFECTS:
            if self.is_monitor_chosen:
                raise ConfigError(
                    f"task.monitor: {self.monitor} is undefined on the validation split, which has "
                    f"no defects; {WITHOUT_DEFECTS} needs none"
                )
            log.warning(
                "val has no defects: the score of a run is its %s, which chooses no model",
                WITHOUT_DEFECTS,
            )
            self.monitor = WITHOUT_DEFECTS
        good = {name: rows[is_good] for name, rows in val.items()}
        model.limit = self.fix_limit(model.predict(good))

    def constant(self, n: int) -> Tensor:
        """Scores of a model that never raises an alarm."""
        return torch.zeros(n)

    def decide(self, prediction: Tensor, rule: DecisionRule | None = None) -> dict[str, Any]:
        return {"alarm": (prediction > ALARM).numpy()}

    def answers(self, prediction: Tensor, rule: DecisionRule | None = None) -> dict[str, Any]:
        return self.decide(prediction, rule) | named_columns(prediction, self.columns.prediction)

    @property
    def columns(self) -> PredictionColumns:
        return PredictionColumns("prediction", "target")

    def _score(self, prediction: Tensor, truth: Tensor, names: list[str]) -> dict[str, float]:
        if not torch.isfinite(prediction).all():
            return dict.fromkeys(names, float("nan"))
        alarms, is_defect = prediction > ALARM, truth > 0
        values, defects = {}, int(is_defect.sum())
        if good := len(truth) - defects:
            false = int(alarms[~is_defect].sum())
            low, high = rate_interval(false, good)
            values |= {"false_alarm_rate": false / good}
            values |= {"false_alarm_rate_low": low, "false_alarm_rate_high": high}
        if defects:
            values |= {"detection_rate": float(alarms[is_defect].double().mean())}
        if defects and good:
            values |= {"auroc": float(auroc(prediction, truth))}
            values |= {"average_precision": float(average_precision(prediction, truth))}
        return {name: values[name] for name in names if name in values}


def rate_interval(count: int, total: int, level: float = LEVEL) -> tuple[float, float]:
    """The interval that holds a rate with this probability at least, of `count` among `total`.

    Source: Clopper and Pearson 1934, https://doi.org/10.1093/biomet/26.4.404
    """
    tail = (1 - level) / 2
    low = betaincinv(count, total - count + 1, tail) if count else 0.0
    high = betaincinv(count + 1, total - count, 1 - tail) if count < total else 1.0
    return float(low), float(high)
