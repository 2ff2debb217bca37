"""DecodedInputs: the base of kinds whose column holds files, decoded once: pictures, sounds."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.clean.suggestion import suggestion
from lepton.dataset.clean.target import Target
from lepton.dataset.describe.class_notes import balance_notes
from lepton.dataset.describe.told_faults import tell_fault
from lepton.dataset.inputs.kind import InputKind, RawSplits, Rows
from lepton.dataset.inputs.picture import Media
from lepton.dataset.load.file_rows import FileRows
from lepton.dataset.split.duplicates import find_leaks, refuse_equal_files, repeat_notes
from lepton.dataset.split.split_rows import SplitRows
from lepton.errors import DataError, LeptonError, UnequalFiles
from lepton.foreign_text import printable
from lepton.storage.file_cell import path_in

MAX_VALUES = 12  # of a column beside files, by which the report slices


class DecodedFiles(Protocol):
    """What files became, and for those that could not be decoded what is wrong.

    Shapes: keys (N,) bytes, the same for equal content.
    """

    keys: np.ndarray
    errors: dict[int, str]

    def remarks(self) -> list[tuple[str, int]]:
        """What became of files that are not as they are asked for, and how many these are."""
        ...


class DecodedInputs(InputKind):
    """A column of paths, file contents or arrays, all of which are decoded before rows are split.

    A subclass says what a file is in `noun`, and decodes a column; `bounding_keys` are its keys
    that together bound what a file becomes.
    """

    noun: ClassVar[str] = "file"
    bounding_keys: ClassVar[tuple[str, ...]] = ("size",)
    # True: rows are taken from what is kept on the disk whenever they are asked for
    takes_by_row = False
    # that decode files whenever their rows are asked for; None: these are decoded once and kept
    decoding_threads: int | None = None
    are_cells_inputs = False  # but paths, which may name the class

    def __init__(
        self,
        *,
        column: str,
        on_error: Literal["refuse", "skip"],
        duplicates: Literal["drop", "keep"],
    ):
        super().__init__()
        self.own_columns = (column,)
        self.on_error, self.duplicates = on_error, duplicates
        self.decoded: Any = None  # DecodedFiles of all rows, while they are prepared

    @property
    def file_bytes(self) -> int | None:
        """The bytes that a file becomes at most; None where the files decide."""
        return None

    def decode(self, column: pd.Series) -> DecodedFiles:
        """What the files of all rows are."""
        raise NotImplementedError

    def take_common(self, common: int) -> None:
        """From now on files become what suits most of them, as UnequalFiles says it."""
        raise NotImplementedError

    def _decoded(self, column: pd.Series) -> DecodedFiles:
        try:
            return self.decode(column)
        except UnequalFiles as e:
            tell_fault(e)
            self.take_common(e.common)
            return self.decode(column)

    def clean(self, frame: pd.DataFrame, target: Target) -> Target:
        """Decodes the files, of all rows.

        Raises: DataError that names one that cannot be decoded, where none is to be skipped.
        """
        target = super().clean(frame, target)
        column = self.own_columns[0]
        self.decoded = self._decoded(frame[column])
        where = f"column {column}"
        remarks = self.decoded.remarks()
        self.notes += [CleaningNote(remark, count, where) for remark, count in remarks]
        target = self._readable(target)
        keys = self.decoded.keys[target.kept_rows]
        if target.labels is not None and (count := _in_several_classes(keys, target.labels)):
            remark = f"{self.noun}s that stand under several classes"
            self.notes.append(CleaningNote(remark, count, where))
        self.notes += balance_notes(target, self.noun, where)
        return target

    def _readable(self, target: Target) -> Target:
        """The target, which keeps no row whose file is to be skipped."""
        column = self.own_columns[0]
        errors = {row: e for row, e in self.decoded.errors.items() if target.kept_rows[row]}
        if not errors:
            return target
        first = errors[min(errors)]
        if self.on_error == "refuse":
            more = f" ({len(errors)} such {self.noun}s in all)" if len(errors) > 1 else ""
            raise DataError(f"{first}{more}; {self.node}.on_error=skip leaves them out")
        is_bad = np.zeros(len(target.kept_rows), dtype=bool)
        is_bad[list(errors)] = True
        remark = f"{self.noun}s that cannot be read, row dropped; the first: {first}"
        self.notes += target.files.notes(remark, is_bad, f"column {column}")
        values = target.values[~is_bad[target.kept_rows]]
        target = replace(target, kept_rows=target.kept_rows & ~is_bad, values=values)
        if not target.kept_rows.any():
            raise DataError(f"column {column!r}: no {self.noun} can be read; the first: {first}")
        what = f"{self.noun} in column {column} beside a target"
        target.files.refuse_unused(target.kept_rows, what)
        return target

    def drop_rows(self, rows: SplitRows, target: Target) -> SplitRows:
        """Training rows whose content stands in val or test too are dropped, or said."""
        keys, drop = self.decoded.keys[target.kept_rows], self.duplicates == "drop"
        if not drop:
            refuse_equal_files(keys, target)
        remaining, leak_notes = find_leaks(rows, keys, drop=drop, what=self.noun, under=self.node)
        self.notes += leak_notes
        return remaining

    def prepare(self, raw: RawSplits) -> dict[str, Rows]:
        keys = self.decoded.keys[raw.positions["train"]]
        self.notes += repeat_notes(keys, "train", what=self.noun)
        splits = super().prepare(raw)
        self.decoded = None
        return splits

    def taken(
        self,
        take: Callable[[np.ndarray], np.ndarray],
        rows: np.ndarray,
        shape: tuple[int, ...],
        dtype: torch.dtype,
    ) -> Tensor:
        """What some files became, in memory; or what `take` gives of them when they are asked for.

        Shapes: rows (N,); `shape` of a row.
        """
        files = self.decoded.files
        if files is None and not self.takes_by_row:
            return torch.from_numpy(take(rows))
        ahead = files is None or files.threads > 0
        return FileRows(take, rows, shape, dtype, ahead=ahead)

    def encode(self, frame: pd.DataFrame) -> Rows:
        column = self.own_columns[0]
        if column not in frame.columns:
            raise DataError(f"column {column!r} is missing{suggestion(column, frame.columns)}")
        return super().encode(frame)

    def shown(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The column's files, in whose place words stand where one cannot be read."""
        column = rows[self.own_columns[0]]
        shown = [self._shown(file) for file in column]
        return pd.DataFrame({column.name: pd.Series(shown, dtype=object, index=rows.index)})

    def show(self, file: Any, name: str) -> Media:
        """A file as a page shows it, under a name.

        Raises: LeptonError that says what is wrong with it.
        """
        raise NotImplementedError

    def _shown(self, file: Any) -> Media:
        path = path_in(file)
        name = Path(path).name if isinstance(path, str | Path) else self.noun
        try:
            return self.show(file, name)
        except LeptonError as e:
            return Media(f"{name}: {e}", b"", media_type="")

    def slice_columns(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The other columns that have few values."""
        others = rows.drop(columns=self.own_columns[0]).select_dtypes(exclude="number")
        return others[[name for name in others if others[name].nunique() <= MAX_VALUES]]


def namer(column: pd.Series) -> Callable[[int], str]:
    """What messages call the file of a row: its path, or the row's number from 1."""
    values = column.to_numpy(object)

    def name(row: int) -> str:
        path = path_in(values[row])
        is_path = isinstance(path, str | Path) and str(path).strip()
        return printable(path, one_line=True) if is_path else f"row {row + 1}"

    return name


def decoded_or_refused(decoded: Iterator[Any]) -> list[Any]:
    """What files to predict became. Raises: DataError, the first that stands among them."""
    results = list(decoded)
    if errors := [error for error in results if isinstance(error, DataError)]:
        raise errors[0]
    return results


def _in_several_classes(keys: np.ndarray, labels: np.ndarray) -> int:
    """The rows whose key has rows of another class. Shapes: keys and labels (N,)."""
    _, numbers = np.unique(keys, return_inverse=True)
    pairs = np.unique(np.stack([numbers, labels], 1), axis=0)
    return int((np.bincount(pairs[:, 0])[numbers] > 1).sum())
