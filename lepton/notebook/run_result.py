"""RunResult: what training returns in Python, a run whose files are read when asked for."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from lepton.compat.ipython import in_notebook, show_figures
from lepton.compat.optional import import_optional
from lepton.errors import LeptonError, explain_read_errors
from lepton.storage.results import Result, finished_result
from lepton.storage.run_folder import HISTORY_FILE

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True, repr=False)
class RunResult(Result):
    """One finished run and its folder.

    Its files are read once, when they are asked for, and held to the digests that they were
    written with.
    """

    folder: Path

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The finished run in a folder. Raises: LeptonError where there is none."""
        return cls(**vars(finished_result(folder)), folder=folder)

    def __repr__(self) -> str:
        return f"<{self}  {self.folder}>"

    def __fspath__(self) -> str:
        """The run's folder: the result stands wherever that does, as in `load_model(result)`."""
        return str(self.folder)

    def _repr_html_(self) -> str:
        from lepton.analysis.run_table import run_blocks
        from lepton.notebook.html import Page

        page = Page(self.run)
        for block in (*run_blocks(self), str(self.folder)):
            page.print(block)
        return page.html()

    @cached_property
    def history(self) -> "pd.DataFrame":
        """A row an epoch: epoch, step, val/score, the losses, and what else was logged.

        Raises: LeptonError where it cannot be read.
        """
        from lepton.storage.run_files import read_run_table

        with explain_read_errors(self.folder / HISTORY_FILE):
            return read_run_table(self.folder, HISTORY_FILE)

    @cached_property
    def predictions(self) -> "pd.DataFrame":
        """A row a sample of the validation and the test split: split, id, targets, predictions.

        Raises: LeptonError where they cannot be read.
        """
        import pandas as pd

        from lepton.storage.predictions import (
            PREDICTED_SPLITS,
            predictions_file,
            read_predictions_frame,
        )

        frames = []
        for split in PREDICTED_SPLITS:
            path = predictions_file(self.folder, split)
            if split not in self.rows and not path.exists():
                continue
            with explain_read_errors(path):
                frame = read_predictions_frame(self.folder, split)
            frame.insert(0, "split", split)
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    def plot(self) -> "Figure":
        """The learning curves: validation score and training loss by epoch.

        Raises: LeptonError for a run without epochs, and where matplotlib is not installed.
        """
        import_optional("matplotlib", needed_by="plot")
        from lepton.report.figures.style import lepton_style
        from lepton.report.figures.training import CURVES, learning_curves

        if "epoch" not in self.history or not {*CURVES} & {*self.history}:
            model = self.choices.get("model", "its model")
            raise LeptonError(f"{self.run}: {model} was not fitted in epochs: there is no curve")
        if in_notebook():
            show_figures()
        with lepton_style():
            return learning_curves({(): [self.history]})
