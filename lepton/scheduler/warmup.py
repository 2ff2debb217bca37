"""Length of a linear warm-up."""

from lepton.errors import ConfigError


def warmup_steps(warmup: float, total: int) -> int:
    """A share of all steps below 1, from 1 on a number of steps.

    Raises: ConfigError for a negative warm-up, and for one that leaves no step after it.

    >>> warmup_steps(0.1, 200), warmup_steps(30, 200)
    (20, 30)
    """
    steps = round(warmup * total) if warmup < 1 else round(warmup)
    if warmup < 0 or steps >= total > 1:
        raise ConfigError(
            f"scheduler.warmup: {warmup} of {total} steps in all; "
            "give a share from 0 to below 1, or fewer steps than there are"
        )
    return steps
