"""One line that moves while a run trains: epochs, loss and the monitored metric."""

import sys

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from lepton.compat.lightning import pl
from lepton.training import terminal_line


class Progress(pl.Callback):
    """A rich progress bar over epochs on a terminal, nothing elsewhere; in a sweep, its words."""

    def on_train_start(self, trainer, learner) -> None:
        shown = trainer.progress if trainer.progress is not None else sys.stderr.isatty()
        self.bar = Bar(
            TextColumn("epoch {task.completed:.0f}/{task.total:.0f}"),
            BarColumn(),
            TextColumn("{task.description}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not (shown and trainer.is_global_zero) or terminal_line.of_sweep is not None,
            transient=True,
        )
        self.bar.start()
        self.row = self.bar.add_task("", total=trainer.max_epochs)

    def on_train_epoch_end(self, trainer, learner) -> None:
        shown = trainer.progress_bar_metrics
        words = "  ".join(f"{name} {value:.4f}" for name, value in shown.items())
        self.bar.update(self.row, completed=trainer.current_epoch + 1, description=words)
        if terminal_line.of_sweep:
            terminal_line.of_sweep(
                f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}  {words}"
            )

    def on_train_end(self, trainer, learner) -> None:
        self.bar.stop()

    def on_exception(self, trainer, learner, exception) -> None:
        if hasattr(self, "bar"):
            self.bar.stop()
