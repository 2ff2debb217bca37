"""Progress: what is seen of a run while it trains, with epochs, loss and monitored metric."""

import sys
import time
from typing import Any

from rich.progress import BarColumn, TimeRemainingColumn

from lepton.compat.lightning import pl
from lepton.compat.rich import PlainColumn, moving_bars
from lepton.foreign_text import say
from lepton.trainer.default import Trainer
from lepton.training import terminal_line
from lepton.values.metric_text import metric_text

SECONDS_BETWEEN = 10.0  # two lines, where no bar moves


class Progress(pl.Callback):
    """Shows a rich bar over epochs on a terminal and in a notebook, and elsewhere a line every ten
    seconds; in a sweep, the sweep's line shows its text."""

    def on_train_start(self, trainer: Trainer, pl_module: pl.LightningModule) -> None:
        can_move, wanted = terminal_line.can_move(), trainer.progress
        is_alone = trainer.is_global_zero and terminal_line.of_sweep is None
        self.bar = moving_bars(
            PlainColumn("epoch {task.completed:.0f}/{task.total:.0f}"),
            BarColumn(),
            PlainColumn("{task.description}"),
            TimeRemainingColumn(),
            shown=is_alone and (can_move if wanted is None else wanted),
            transient=True,
        )
        self.bar.start()
        self.bar_task = self.bar.add_task("", total=trainer.max_epochs)
        self.writes_lines = is_alone and not can_move and wanted is not False
        self.written_at = time.monotonic()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.current_epoch:
            self._tell_epochs(trainer)

    def _tell_epochs(self, trainer: pl.Trainer) -> None:
        """Tells how many epochs are over, and of the last of them, of which all is measured."""
        epochs = trainer.current_epoch
        metrics = trainer.progress_bar_metrics
        texts = [metric_text(name, float(value)) for name, value in metrics.items()]
        self.bar.update(self.bar_task, completed=epochs, description="  ".join(texts))
        line = "  ".join([f"epoch {epochs}/{trainer.max_epochs}", *texts])
        if terminal_line.of_sweep:
            terminal_line.of_sweep(line)
        self._write(line)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        share = (batch_idx + 1) / trainer.num_training_batches
        self._write(f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}, {share:.0%} of it")

    def _write(self, line: str) -> None:
        """Writes a line, where the last one was written a while ago."""
        now = time.monotonic()
        if self.writes_lines and now - self.written_at >= SECONDS_BETWEEN:
            self.written_at = now
            say(line, file=sys.stderr)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._tell_epochs(trainer)
        self.bar.stop()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        if hasattr(self, "bar"):
            self.bar.stop()
