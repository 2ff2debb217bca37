"""The line on a terminal or in a notebook that shows how far a sweep is, with a bar before it."""

import logging
import sys

from rich.progress import BarColumn

from lepton.compat.rich import PlainColumn, moving_bars
from lepton.training import terminal_line


class ProgressBar:
    """One line that moves; what is logged meanwhile appears above it."""

    def __init__(self) -> None:
        self.bar = moving_bars(BarColumn(), PlainColumn("{task.description}"))
        self.bar.start()
        self.row, self.text = self.bar.add_task(""), ""
        log = logging.getLogger("lepton")
        self.handlers = [h for h in log.handlers if isinstance(h, logging.StreamHandler)]
        self.streams = [h.setStream(sys.stderr) for h in self.handlers]  # rich's own stderr by now
        terminal_line.of_sweep = self.show_epoch

    def show(self, text: str, *, completed: int, total: int) -> None:
        """Shows so many of all runs as completed, with a text behind the bar."""
        self.text = text
        self.bar.update(self.row, total=total, completed=completed, description=text)

    def show_epoch(self, epoch: str) -> None:
        """Shows what the run of this process says of itself behind the sweep's own text."""
        self.bar.update(self.row, description=f"{self.text}  {epoch}")

    def close(self) -> None:
        """Leaves the line as it is, and gives the log its stream back."""
        terminal_line.of_sweep = None
        self.bar.stop()
        for handler, stream in zip(self.handlers, self.streams, strict=True):
            if stream is not None:
                handler.setStream(stream)
