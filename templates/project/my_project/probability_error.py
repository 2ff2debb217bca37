"""probability_error: a loss of two classes, one number a row."""

from lepton.metric.metric import for_tasks


@for_tasks("binary")
def probability_error(logits, target, *, power: float):
    return (logits.sigmoid() - target).abs() ** power
