"""What is said of an epoch: its number and what was measured, each metric by its name."""

from collections.abc import Mapping, Sequence

from lepton.errors import Pruned
from lepton.values.metric_text import metric_text

SCORE, LOSS, VALIDATION = "val/score", "train/loss", "val/"
Row = Mapping[str, float]  # of a history


def epoch_line(row: Row, epochs: int) -> str:
    """The line on an epoch, as `epoch 3/50  val log_loss 0.4910  train loss 0.5123`."""
    names = [*_validated(row), *([LOSS] if LOSS in row else [])]
    texts = [metric_text(name, row[name]) for name in names]
    return "  ".join([f"epoch {row['epoch'] + 1:.0f}/{epochs}", *texts])


def pruned_run(history: Sequence[Row]) -> Pruned:
    """What ends a run after the last epoch of its history."""
    last = history[-1]
    texts = [metric_text(name, last[name]) for name in _validated(last)]
    return Pruned(int(last["epoch"]), [row[SCORE] for row in history], ", ".join(texts))


def _validated(row: Row) -> list[str]:
    """What was measured on validation; the score alone where nothing else was."""
    return [name for name in row if name.startswith(VALIDATION) and name != SCORE] or [SCORE]
