"""Scores predictions: the name under which plug-ins import it."""

from lepton.metric.scoring import METRICS, monitor_value, score

__all__ = ["METRICS", "monitor_value", "score"]
