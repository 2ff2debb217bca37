"""How many rows a step of the optimizer takes."""

from typing import Any

LEAST_ROWS = 8  # of a step, below which rows are too few to follow


def rows_of_a_step(rows: int, config: dict[str, Any]) -> int:
    """`batch_size`, or fewer where so many rows would make fewer steps an epoch than are asked."""
    size, steps = config["batch_size"], config["min_steps_per_epoch"]
    return size if steps is None else min(size, max(LEAST_ROWS, rows // steps))
