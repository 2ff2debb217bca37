"""InputKind: the base of the kinds of inputs, as tables and texts; all that lepton knows of one."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.clean.column_rule import ColumnRule
from lepton.dataset.clean.file_parts import ONE_FILE, FileParts
from lepton.dataset.clean.target import Target
from lepton.dataset.inputs.shown import ShownInputs
from lepton.dataset.load.batch_cutter import take
from lepton.dataset.load.block_writing import BLOCK_ROWS, write_blocks
from lepton.dataset.load.split_arrays import SplitArrays
from lepton.dataset.read.raw_table import RawTable
from lepton.dataset.split.split_rows import SplitRows
from lepton.errors import DataError
from lepton.spec import DataSpec

# the rows of a split or of a prediction: tensors, but for the array `texts` of a model that takes
# texts as they are
Rows = dict[str, Any]
Absence = Literal["keep", "drop", "refuse"]
STEP_BYTES = 8192  # that a network holds of one step of a sequence without gradients: 2048 floats


@dataclass
class RawSplits:
    """The raw rows of a data set, and where in them each split lies.

    `excluded` are the columns that are no inputs of the kind at hand, each with the reason; None
    where there is nothing to say of it; `of_other_kinds` those among them that are inputs of other
    kinds. `arrays` says where what is made of the rows lies.
    Shapes: positions[split] (rows of the split,); kept_rows (rows,), False without a target.
    """

    frame: pd.DataFrame | RawTable
    positions: dict[str, np.ndarray]
    kept_rows: np.ndarray
    excluded: dict[str, str | None]
    arrays: SplitArrays = field(default_factory=SplitArrays)
    files: FileParts = ONE_FILE
    of_other_kinds: tuple[str, ...] = ()


class InputKind(ShownInputs):
    """A kind of inputs: how raw rows become tensors, batches, made-up data, and what a person sees.

    A data set makes one object of each kind that it `provides`, which learns from the training
    split. What needs no learning is asked of the class. `groups` and `supplies`, `name` and
    `plural` are literals, since they are read from source.
    """

    name = ""  # names its fields in a spec, and is unique within a data set
    plural = ""  # as in "dataset=... holds texts"
    groups: tuple[str, ...] = ()  # groups of the config that it cannot do without
    supplies: tuple[str, ...] = ()  # arguments of the data set's constructor that `parts` makes
    tensors: tuple[str, ...] = ()  # names of what the splits hold of it
    # files of a run folder that say what its inputs mean to weights, with a word for what they hold
    run_files: Mapping[str, str] = MappingProxyType({})
    # to what a training batch is padded: the longest row of the split; or of the batch, whose rows
    # are then about equally long, but which no stack can share
    padding: Literal["split", "batch"] = "split"
    are_cells_inputs = True  # False: a cell of its columns may say only where the input lies
    # where a data set finds the columns of its kinds by their cells
    column_argument = "column"  # of the constructor, which says them
    most_columns = 1  # that it takes
    takes_rest = False  # True: of all columns that no other kind takes
    file_endings: tuple[str, ...] = ()  # in small letters, where cells are paths of files
    corruptions: str | None = None  # dotted name of a class that says what may go wrong with them
    absence: Absence | None = None  # what a row without its cells is; None: as the kind itself says

    def __init__(self) -> None:
        self.own_columns = ()
        self.present: np.ndarray | None = (
            None  # (rows,), while rows are prepared of which some lack
        )
        self.notes: list[CleaningNote] = []
        self.node = "dataset"  # of a config, in which its keys stand

    # from the config

    @classmethod
    def parts(cls, config: dict[str, Any]) -> dict[str, dict[str, Any] | None]:
        """For each of `supplies` the node of a checked config, with `_target_`, to build it of."""
        return dict.fromkeys(cls.supplies)

    # from columns that a data set looks through

    @classmethod
    def suits(cls, cells: pd.Series, rule: ColumnRule) -> bool:
        """True for a column's cells, missing ones left out, that are such inputs by their looks."""
        return bool(cls.file_endings) and rule.are_paths(cells, cls.file_endings)

    @classmethod
    def is_one(cls, given: np.ndarray) -> bool:
        """True for an array that is itself one such input, and not the inputs of several rows."""
        return False

    def holds_any(self, frame: pd.DataFrame, excluded: Collection[str]) -> bool:
        """False where it would take nothing of a table whose `excluded` columns are others'."""
        return True

    def absent(self, name: str) -> float:
        """What the tensor of this name holds in a row without such inputs; of lengths it is 1,
        since nothing can be computed of a row without a step."""
        return 1 if name.endswith("length") else self.fill(name)

    # from raw rows to tensors

    def clean(self, frame: pd.DataFrame, target: Target) -> Target:
        """The target, which keeps no row that has no such inputs; adds to `notes`.

        Raises: DataError for columns that are not there, or hold something else.
        """
        absent = [name for name in self.own_columns if name not in frame.columns]
        if absent:
            raise DataError(f"column {absent[0]!r} is missing")
        if targets := [name for name in self.own_columns if name in target.columns]:
            raise DataError(f"column {targets[0]!r} is the target, and no input")
        return target

    def survey(self, raw: RawSplits) -> None:
        """Looks at all rows before they are divided; there are no positions yet."""

    def drop_rows(self, rows: SplitRows, target: Target) -> SplitRows:
        """The rows of each split among those of the target, perhaps without some; adds to `notes`.

        It is called before train is subsampled.
        """
        return rows

    def prepare(self, raw: RawSplits) -> dict[str, Rows]:
        """The tensors of each split, by what train holds; adds to `notes`."""
        self.fit(raw.frame, raw.positions["train"])
        if not raw.arrays.streamed:
            return {split: self.transform(raw.frame, rows) for split, rows in raw.positions.items()}
        splits: dict[str, Rows] = {}
        for split, rows in raw.positions.items():
            places = np.split(np.arange(len(rows)), range(BLOCK_ROWS, len(rows), BLOCK_ROWS))
            blocks = ((some, self.transform(raw.frame, rows[some])) for some in places)
            splits[split] = write_blocks(raw.arrays, split, blocks, self.fill)
        return splits

    def fit(self, frame: pd.DataFrame, rows: np.ndarray) -> None:
        """Learns from the training rows of a frame."""

    def transform(self, frame: pd.DataFrame, rows: np.ndarray) -> Rows:
        """The tensors of these rows of a frame, by name."""
        raise NotImplementedError

    def spec_fields(self, train: Rows) -> dict[str, Any]:
        """What a model is told of the inputs: fields of DataSpec, and others, which `fields_of`
        finds again; plain values."""
        return {}

    def save(self, folder: Path) -> None:
        """Writes into a run folder what turns further rows into tensors, without pickles."""

    @classmethod
    def load(cls, folder: Path, spec: DataSpec) -> Self:
        """The fitted object that `save` wrote into the folder of a run with this spec."""
        raise NotImplementedError

    @property
    def read_columns(self) -> tuple[str, ...]:
        """The columns of further rows that `encode` reads."""
        return self.own_columns

    def encode(self, frame: pd.DataFrame) -> Rows:
        """The tensors of further rows, to predict.

        Raises: DataError when a column is missing or holds what it did not when training.
        """
        return self.transform(frame, np.arange(len(frame)))

    # streamed, where the rows exceed a budget of memory

    @property
    def whole(self) -> str | None:
        """Why its rows can only be had whole, in memory; None where they can be streamed."""
        return None

    def fill(self, name: str) -> float:
        """What stands in a row of the tensor of this name behind the row's own steps."""
        return 0

    def settings(self) -> dict[str, Any]:
        """What its tensors follow from beside the rows, as plain values and objects that do it."""
        return {}

    def facts(self) -> dict[str, Any]:
        """What `save` leaves out and `restore` needs, as JSON has it."""
        return {}

    def restore(self, folder: Path, spec: DataSpec, facts: dict[str, Any]) -> None:
        """Becomes what it was when it wrote `facts`, and `save` a folder."""
        vars(self).update(vars(self.load(folder, spec)))

    # batches

    @classmethod
    def lengths(cls, rows: Rows) -> Tensor | None:
        """The steps of each row, on the CPU, where rows differ in them; a batch is padded.

        Shapes: -> (rows,) int64.
        """
        return None

    @classmethod
    def row_bytes(cls, rows: Rows) -> int:
        """What a row of an evaluation batch costs in memory; with `lengths`, a step of it."""
        if cls.lengths(rows) is not None:
            return STEP_BYTES
        return sum(_row_bytes(rows[name]) for name in cls.tensors if name in rows)

    @classmethod
    def cut(cls, rows: Rows, index: Tensor | slice, width: int) -> Rows:
        """The part of a batch that a model reads; cut to the steps of its longest row, `width`.

        Shapes: index (B,), on the device of the rows.
        """
        return {name: take(rows[name], index) for name in cls.tensors if name in rows}

    # the spec

    @classmethod
    def describes(cls, spec: DataSpec) -> bool:
        """True when the data of this spec hold such inputs."""
        return cls.name in spec.inputs

    @classmethod
    def fields_of(cls, spec: DataSpec) -> dict[str, Any]:
        """What the spec says of these inputs, beside the fields that all specs have."""
        return spec.inputs[cls.name]

    @classmethod
    def describe(cls, spec: DataSpec) -> str:
        """The inputs of a spec in a few words, as "3 numbers, 2 categories"; none where there is
        nothing to say."""
        return cls.plural

    # made-up data, to try models without data

    @classmethod
    def example_fields(cls) -> list[dict[str, Any]]:
        """The spec fields of made-up inputs; several, where a model must be able to read each."""
        raise NotImplementedError(f"{cls.__name__} makes up no inputs; define example_fields")

    @classmethod
    def narrow_fields(cls, spec: DataSpec) -> Iterator[dict[str, Any]]:
        """Yields changes to the spec's fields which leave inputs that a model must read as well."""
        yield from ()

    @classmethod
    def example_rows(cls, spec: DataSpec, rows: int, generator: torch.Generator) -> Rows:
        """A batch of made-up inputs as the spec describes them, as `cut` gives it."""
        raise NotImplementedError(f"{cls.__name__} makes up no inputs; define example_rows")

    @classmethod
    def without_padding(cls, row: Rows) -> Rows:
        """A batch of a single row without what longer ones brought."""
        return row

    @classmethod
    def tensors_of(cls, spec: DataSpec) -> tuple[str, ...]:
        """Those of `tensors` that the splits of a data set with this spec hold."""
        return cls.tensors if cls.describes(spec) else ()

    @classmethod
    def broken_promises(cls, split: str, rows: Rows, spec: DataSpec) -> Iterator[str]:
        """Yields a line for everything in a split that is not as the spec says."""
        yield from ()


def _row_bytes(values: Any) -> int:
    """The bytes of a row of a tensor or an array."""
    return values[:1].nbytes if len(values) else 0
