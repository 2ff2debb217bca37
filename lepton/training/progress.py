"""Progress: one line that moves while a run trains, with epochs, loss and monitored metric."""

import sys

from rich.progress import BarColumn, TimeRemainingColumn

from lepton.compat.ipython import in_notebook
from lepton.compat.lightning import pl
from lepton.compat.rich import PlainColumn, moving_bars
from lepton.trainer.default import Trainer
from lepton.training import terminal_line


class Progress(pl.Callback):
    """Shows a rich bar over epochs on a terminal and in a notebook, nothing elsewhere; in a sweep,
    the sweep's line shows its text."""

    def on_train_start(self, trainer: Trainer, pl_module: pl.LightningModule) -> None:
        is_seen = sys.stderr.isatty() or in_notebook()
        wanted = trainer.progress if trainer.progress is not None else is_seen
        self.bar = moving_bars(
            PlainColumn("epoch {task.completed:.0f}/{task.total:.0f}"),
            BarColumn(),
            PlainColumn("{task.description}"),
            TimeRemainingColumn(),
            shown=wanted and trainer.is_global_zero and terminal_line.of_sweep is None,
            transient=True,
        )
        self.bar.start()
        self.bar_task = self.bar.add_task("", total=trainer.max_epochs)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        metrics = trainer.progress_bar_metrics
        description = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        epoch = trainer.current_epoch + 1
        self.bar.update(self.bar_task, completed=epoch, description=description)
        if terminal_line.of_sweep:
            terminal_line.of_sweep(f"epoch {epoch}/{trainer.max_epochs}  {description}")

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.bar.stop()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        if hasattr(self, "bar"):
            self.bar.stop()
