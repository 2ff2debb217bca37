"""Scores of predictions, under the name that plug-ins import."""

from lepton.metric.scoring import METRICS, monitor_value, score

__all__ = ["METRICS", "monitor_value", "score"]
