"""Metrics of a split in words, the same wherever one is shown."""


def metric_name(column: str) -> str:
    """A metric by its name, as `val log_loss`."""
    return column.replace("/", " ")


def metric_text(column: str, value: float) -> str:
    """A metric with its value, as `val log_loss 0.4910`."""
    return f"{metric_name(column)} {value:.4f}"
