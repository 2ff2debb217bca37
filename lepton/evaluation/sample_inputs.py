"""The inputs of the samples that a run predicted, read again from its data set."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lepton.errors import LeptonError, did_you_mean
from lepton.storage.derived_record import read_record
from lepton.storage.run_folder import CONFIG_FILE, read_config

MAX_CELL = 40  # characters of an input, where no kind says
MAX_NAMES = 12  # of columns in a message
FIRST_ROWS = 100  # by which the columns are known that kinds make of others, to slice by
if TYPE_CHECKING:
    from lepton.dataset.data import Data
    from lepton.dataset.inputs.kind import InputKind


@dataclass(frozen=True)
class SampleInputs:
    """Two tables with a row a sample: the inputs as they were read, and the columns to slice by.

    `kinds` are those that the model reads, each with the columns that are none of its inputs.
    """

    inputs: pd.DataFrame
    slice_columns: pd.DataFrame
    kinds: "Sequence[tuple[InputKind, list[str]]]" = ()

    def column(self, name: str) -> pd.Series:
        """A column to slice by, or else of the data as they were read.

        Raises: LeptonError for one that is not there.
        """
        tables = (self.slice_columns, self.inputs)
        for table in tables:
            if name in table:
                return table[name]
        names = [*dict.fromkeys(str(known) for table in tables for known in table)]
        raise LeptonError(f"the data have no column {name!r}{_hint(name, names)}")

    def require(self, names: Sequence[str]) -> None:
        """Raises: LeptonError as `column`, for the first of these that is not there."""
        for name in names:
            self.column(name)

    def shown(self, positions: np.ndarray) -> tuple[pd.DataFrame, list[int]]:
        """Samples as a person sees them, and the characters of each column to show at most.

        Shapes: positions (n,) -> n rows; a column for each input.
        """
        rows = self.inputs.iloc[positions]
        if not self.kinds:
            return rows, [MAX_CELL] * rows.shape[1]
        columns, lengths = {}, {}
        for kind, of_others in self.kinds:
            shown = dict(kind.shown(rows.drop(columns=of_others)).items())
            columns |= shown
            lengths |= dict.fromkeys(shown, kind.cell_length)
        return pd.DataFrame(columns, index=rows.index), list(lengths.values())


def _hint(name: str, names: list[str]) -> str:
    """The nearest of the names, or the first ones where none is near."""
    more = ", ..." if len(names) > MAX_NAMES else ""
    known = ", ".join(map(repr, names[:MAX_NAMES]))
    there_are = f"; beside targets they have {known}{more}" if names else ""
    return did_you_mean(name, names) or there_are


def read_sample_inputs(run_folder: Path, ids: np.ndarray) -> SampleInputs:
    """Reads the inputs of these samples as they stand in the data of the run's config.

    Raises: LeptonError when the data are not there, or are not what the run was trained on.
    """
    from lepton import build
    from lepton.config.input_kinds import used_kinds

    config = unchanged_config(run_folder)
    dataset = build.unread_data(config, for_model=False)
    if not hasattr(dataset, "read"):
        raise LeptonError(f"{run_folder}: its data set has no table of inputs")
    tables = [table for table in dataset.read() if table is not None]
    frame = pd.concat(tables, ignore_index=True)
    rows = frame.drop(columns=dataset.target_columns()).iloc[ids].reset_index(drop=True)
    used = {facts.name for facts in used_kinds(config)}
    return inputs_by_kind(rows, dataset.inputs, used)


def require_columns(data: "Data", names: Sequence[str]) -> None:
    """Raises: LeptonError for one that `SampleInputs` of these data will not have."""
    targets = data.target_columns()
    unknown = [name for name in names if name not in data.columns_read or name in targets]
    if not unknown:
        return
    table, _ = data.tables()
    rows = next(iter(table.blocks([*table.columns], FIRST_ROWS))).drop(columns=targets)
    used = [kind.name for kind in data.inputs]
    inputs_by_kind(rows, [*data.inputs, *data.unread_inputs], used).require(unknown)


def inputs_by_kind(
    rows: pd.DataFrame, kinds: "Sequence[InputKind]", used: Collection[str]
) -> SampleInputs:
    """What each kind in use shows of raw rows without targets; whole rows where no kind says."""
    if not kinds:
        return SampleInputs(rows, rows)
    in_use, sliced = [], {}
    for kind in (kind for kind in kinds if kind.name in used):
        of_others = [n for other in kinds if other is not kind for n in other.own_columns]
        of_others = [name for name in of_others if name in rows]
        sliced = dict(kind.slice_columns(rows.drop(columns=of_others)).items()) | sliced
        in_use.append((kind, of_others))
    return SampleInputs(rows, pd.DataFrame(sliced, index=rows.index), in_use)


def unchanged_config(run_folder: Path) -> dict[str, Any]:
    """The checked config of a run whose data are there and what they were, to read these again.

    Of a run that was made of others it is the first one's.
    Raises: LeptonError when the data are not there, or are not what the run was trained on.
    """
    from omegaconf import OmegaConf

    from lepton.config.check import check
    from lepton.config.identity import is_run_name

    trained_folder = trained_run(run_folder)
    config = check(OmegaConf.create(read_config(trained_folder / CONFIG_FILE)))
    if not is_run_name(config, trained_folder.name):
        raise LeptonError(f"{trained_folder}: its data or its options are no longer what they were")
    return config


def trained_run(run_folder: Path) -> Path:
    """The run itself where it was trained; of one that was made of others the first of these."""
    record = read_record(read_config(run_folder / CONFIG_FILE))
    return run_folder if record is None else trained_run(run_folder / record.inputs[0]["path"])
