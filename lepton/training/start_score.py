"""The score of a phase's weights before its first step, which may stay the best."""

import math
from typing import TYPE_CHECKING

from lepton.method import Phase

if TYPE_CHECKING:
    from lepton.training.network import Network

START = -1  # the number of the epoch before the first


def start_score(network: "Network", phase: Phase) -> float | None:
    """The score on validation of the weights that a phase begins with.

    None where some of them are random, and where epochs score but a few of the rows.
    """
    data = phase.data
    if not phase.starts_learned or data.limit_batches or data.overfit_batches:
        return None
    _, states = network.validate(data.splits["val"])
    score = network.task.as_score(network.task.monitored(states))
    return score if math.isfinite(score) else None


def best_weights_text(best_epoch: int) -> str:
    """What the best weights are of, for a sentence."""
    return "of the start" if best_epoch == START else f"of epoch {best_epoch + 1}, the best"
