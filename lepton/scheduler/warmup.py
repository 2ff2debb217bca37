"""The length of a linear warm-up, which the schedules share."""

from lepton.errors import ConfigError


def warmup_steps(warmup: float, total: int) -> int:
    """The number of warm-up steps: below 1 a share of all steps, from 1 on that many.

    Raises: ConfigError for a negative warm-up.

    >>> warmup_steps(0.1, 200), warmup_steps(30, 200)
    (20, 30)
    """
    if warmup < 0:
        raise ConfigError(
            f"scheduler.warmup: {warmup} is negative; "
            "below 1 it is a share of all steps, from 1 on a number of steps"
        )
    return round(warmup * total) if warmup < 1 else round(warmup)
