"""load: the table of a study's runs, whole or in the columns that tell them apart."""

from pathlib import Path
from typing import TYPE_CHECKING

from lepton.notebook.study import Study

if TYPE_CHECKING:
    import pandas as pd


def load(study: str | Path, *, compact: bool = False) -> "pd.DataFrame":
    """A study as a DataFrame, one row a run that is not in progress.

    Columns: run, status (finished, failed, diverged, pruned, unreadable), error; the chosen option
    of each group under its name (model, optimizer, ...); every config value under its key
    (optimizer.lr, seed, ...); metrics as split/name, those of the constant predictor as
    constant/split/name, those of the best linear head on the untuned backbone as before/split/name,
    of the network that tuning began with as start/split/name, of the task that it came from as
    source/before/test/name and source/after/test/name; rows/train, rows/val, rows/test; score,
    trained, seconds, epochs, best_epoch from 0, -1 for the start; parameters, trainable, memory_mb;
    folder. Of derived runs also derived, the command that made them, and under the
    command's name what it calls them.

    `compact` leaves the columns of `Study.frame`.

    Raises: LeptonError when there is no such study.
    """
    return Study(study).frame(all=not compact)
