"""The target column encoded as numbers: the task it poses, its classes, and the rows that have it.

A target of several columns is one of labels, unless a task reads it in a way of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from lepton.dataset.clean import cell_parsing
from lepton.dataset.clean.cell_texts import Cells, distinct_texts, matches
from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.clean.file_parts import ONE_FILE, FileParts
from lepton.dataset.clean.suggestion import suggestion
from lepton.dataset.read.raw_table import RawTable
from lepton.errors import DataError, RowError

TASKS = ("binary", "multiclass", "multilabel", "regression")
NO_TARGET = "none"  # the `task` of data of which no column is a target
OWN_TARGET = "own"  # that of a target which a task of the user's reads
ONE_CLASS = "anomaly"  # that of a target of which training sees one class alone
ReadTarget = Callable[[pd.DataFrame], np.ndarray]


@dataclass(frozen=True)
class Target:
    """A target ready to learn.

    Shapes: kept_rows (rows,), False where the target is missing; of the n kept rows, values are
        binary and anomaly (n,) float32 of 0 and 1, multiclass (n,) int64, multilabel (n, K)
        float32, regression (n,) float64, none (n, 0) float32, own (n, ...) of any numbers.
    """

    task: str
    classes: tuple[str, ...]  # value i is classes[i]; label names for multilabel; () for regression
    columns: tuple[str, ...]
    values: np.ndarray
    kept_rows: np.ndarray
    notes: list[CleaningNote]
    files: FileParts = ONE_FILE

    @property
    def labels(self) -> np.ndarray | None:
        """The index of each kept row's class, where a row has one."""
        has_classes = self.task in ("binary", "multiclass", ONE_CLASS)
        return self.values.astype(np.int32) if has_classes else None


def no_target(frame: pd.DataFrame | RawTable) -> Target:
    """The target of a table of which every row is kept, and none has a target."""
    rows = len(frame)
    return Target(NO_TARGET, (), (), np.empty((rows, 0), np.float32), np.ones(rows, bool), [])


def read_own_target(
    frame: pd.DataFrame | RawTable,
    target: str | list[str],
    read: ReadTarget,
    files: FileParts = ONE_FILE,
) -> Target:
    """The target as `read` makes numbers of its columns, in the rows where none is missing.

    Raises: DataError naming the column, and what `read` raises.
    """
    columns = [target] if isinstance(target, str) else list(target)
    _require_columns(frame, columns)
    _, kept_rows, notes = _target_texts(frame, columns, files)
    cells = pd.DataFrame({name: frame[name] for name in columns})
    values = np.asarray(read(cells[kept_rows]))
    assert len(values) == kept_rows.sum(), "read_target must give a value for each row"
    return Target(OWN_TARGET, (), tuple(columns), values, kept_rows, notes, files)


def encode_target(
    frame: pd.DataFrame | RawTable,
    target: str | list[str],
    task: str | None,
    positive: str | int | bool | None,
    *,
    max_numeric_classes: int,
    read: ReadTarget | None = None,
    only_class: str | int | bool | None = None,
    files: FileParts = ONE_FILE,
) -> Target:
    """The target of a table; a `task` of None is inferred from the values.

    Without columns there is none; where `read` is given, it makes the values, and `only_class` sets
    one class against all others. Several columns are
    multilabel. Two distinct values are binary; the class `positive`, or the second in sorted order,
    becomes 1 and stands second in `classes`. Numbers are regression when one has a fraction, or
    more than `max_numeric_classes` differ. All else is multiclass, its classes sorted.

    Raises: DataError naming the column, and the row (the first data row is 1) where there is one.
    """
    if not target:
        return replace(no_target(frame), files=files)
    if read is not None:
        return read_own_target(frame, target, read, files)
    if only_class is not None:
        return read_one_class(frame, target, only_class, files)
    columns = [target] if isinstance(target, str) else list(target)
    _check_names(frame, columns, task)
    texts, kept_rows, notes = _target_texts(frame, columns, files)
    for column in texts:
        files.refuse_placeholder(column.codes, column.texts.to_pylist(), column.name)
    if task is None:
        several = len(columns) > 1
        task = "multilabel" if several else _infer_task(texts[0], max_numeric_classes)
    if task in ("multilabel", "regression") and positive is not None:
        raise _needless_positive(positive, f"task {task}")
    if task == "multilabel":
        classes, values = tuple(columns), _encode_labels(texts, kept_rows)
    elif task == "regression":
        classes, values = (), _encode_quantity(texts[0])
    else:
        classes, values = _encode_classes(texts[0], task, positive)
    return Target(task, classes, tuple(columns), values, kept_rows, notes, files)


def read_one_class(
    frame: pd.DataFrame | RawTable,
    target: str | list[str],
    name: str | int | bool,
    files: FileParts = ONE_FILE,
) -> Target:
    """The target as 0 for the class of this name, and 1 for every other value.

    Raises: DataError naming the column, for several columns and for a name that is none of its
        values.
    """
    columns = [target] if isinstance(target, str) else list(target)
    _require_columns(frame, columns)
    if len(columns) != 1:
        raise DataError(f"dataset.target: {columns}; one column that says the class is right")
    texts, kept_rows, notes = _target_texts(frame, columns, files)
    values = texts[0].texts.to_pylist()
    only = _matching_class(name, values, f"target {columns[0]}", what="class")
    others = sorted(value for value in values if value != only)
    classes = (only, others[0] if len(others) == 1 else f"not {only}")
    is_other = np.array([value != only for value in values], dtype=np.float32)
    codes = texts[0].codes[kept_rows]
    return Target(ONE_CLASS, classes, tuple(columns), is_other[codes], kept_rows, notes, files)


def _target_texts(
    frame: pd.DataFrame | RawTable, columns: list[str], files: FileParts
) -> tuple[list["DistinctTexts"], np.ndarray, list[CleaningNote]]:
    """The columns of the target, which rows lack none of them, and notes on the others.

    Raises: DataError where no row is left, of all or of a file.
    """
    texts = [DistinctTexts(name, *distinct_texts(frame[name])) for name in columns]
    kept_rows = np.logical_and.reduce([column.codes >= 0 for column in texts])
    where = f"target {', '.join(columns)}"
    if not kept_rows.any():
        raise DataError(f"{where}: every value is missing")
    files.refuse_unused(kept_rows, f"value of the {where}")
    return texts, kept_rows, files.notes("missing target, row dropped", ~kept_rows, where)


def _check_names(frame: pd.DataFrame | RawTable, columns: list[str], task: str | None) -> None:
    """Raises: DataError for a task or a column that does not exist, or that do not go together."""
    if task is not None and task not in TASKS:
        raise DataError(f"dataset.task: {task!r} is no task{suggestion(task, TASKS)}")
    _require_columns(frame, columns)
    if not columns or (len(columns) > 1 and task not in (None, "multilabel")):
        raise DataError(
            f"dataset.target: {columns} for {task}; only multilabel has several columns"
        )


def _require_columns(frame: pd.DataFrame | RawTable, columns: list[str]) -> None:
    """Raises: DataError for a column that the table does not have."""
    for name in columns:
        if name not in frame.columns:
            hint = suggestion(name, frame.columns)
            raise DataError(f"dataset.target: no column {name!r}{hint}")


@dataclass(frozen=True)
class DistinctTexts:
    """A target's column: its distinct texts, in the order in which they appear.

    Shapes: codes (rows,), the number of each row's text, -1 where it is missing.
    """

    name: str
    codes: np.ndarray
    texts: Cells

    def first_row(self, refused: np.ndarray, rows: np.ndarray) -> tuple[int, str]:
        """The first of the marked rows that has a refused text, and the text.

        Shapes: refused (distinct texts,), rows (rows,) bool.
        """
        row = int(np.flatnonzero(np.append(refused, False)[self.codes] & rows)[0])
        return row, self.texts[int(self.codes[row])].as_py()


def _infer_task(column: DistinctTexts, max_numeric_classes: int) -> str:
    texts = column.texts
    if (
        len(texts) > 2
        and matches(texts, cell_parsing.NUMBER_PATTERN).all()
        and not matches(texts, cell_parsing.CODE_PATTERN).any()
    ):
        numbers = cell_parsing.cells_to_floats(texts)
        are_whole = np.isfinite(numbers) & (numbers == np.floor(numbers))
        if len(numbers) > max_numeric_classes or not are_whole.all():
            return "regression"
    return "binary" if len(texts) == 2 else "multiclass"


def _encode_classes(
    column: DistinctTexts, task: str, positive: str | int | bool | None
) -> tuple[tuple[str, ...], np.ndarray]:
    """Class names in the order of their numbers, and the number of every row."""
    where, texts = f"target {column.name}", column.texts.to_pylist()
    are_numbers = matches(column.texts, cell_parsing.NUMBER_PATTERN).all()
    as_sorted = float if are_numbers else str
    classes = sorted(texts, key=lambda name: (as_sorted(name), name))
    if len(classes) == 1:
        raise DataError(f"{where}: every row is {classes[0]!r}; at least two classes are needed")
    if task == "binary" and len(classes) > 2:
        first_classes = ", ".join(classes[:5])
        raise DataError(f"{where}: {len(classes)} classes ({first_classes}, ...) for task binary")
    if positive is not None:
        if len(classes) > 2:
            raise _needless_positive(positive, f"{len(classes)} classes")
        positive_class = _matching_class(positive, classes, where)
        classes = [name for name in classes if name != positive_class] + [positive_class]
    numbers = {name: number for number, name in enumerate(classes)}
    dtype = np.float32 if task == "binary" else np.int64
    present = column.codes[column.codes >= 0]
    return tuple(classes), np.array([numbers[text] for text in texts], dtype=dtype)[present]


def _needless_positive(positive: str | int | bool, actual: str) -> DataError:
    return DataError(
        f"dataset.positive={positive}: is for two classes, not for {actual}; set it to null"
    )


def _matching_class(
    value: str | int | bool, classes: list[str], where: str, what: str = "positive class"
) -> str:
    """The class that is spelled like `value`, or the only one that differs in case alone.

    YAML reads yes, no, on and off as booleans: they are the class that means the same.
    """
    positive, words = str(value), {**cell_parsing.BOOLEAN_WORDS, "on": "true", "off": "false"}
    matches = [name for name in classes if name == positive] or [
        name for name in classes if name.lower() == positive.lower()
    ]
    if not matches and isinstance(value, bool):
        matches = [name for name in classes if words.get(name.lower()) == positive.lower()]
    if len(matches) != 1:
        hint = suggestion(positive, classes)
        raise DataError(f"{where}: {what} {positive!r} is not a class{hint}")
    return matches[0]


def _encode_labels(columns: list[DistinctTexts], kept_rows: np.ndarray) -> np.ndarray:
    """0 and 1 for every label of a multilabel target."""
    values = np.empty((kept_rows.sum(), len(columns)), dtype=np.float32)
    for i, column in enumerate(columns):
        words = [cell_parsing.BOOLEAN_WORDS.get(text.lower()) for text in column.texts.to_pylist()]
        codes, refused = column.codes[kept_rows], np.array([word is None for word in words])
        if refused[codes].any():
            row, text = column.first_row(refused, kept_rows)
            reason = f"{text!r} is not 0 or 1; the columns of a multilabel target say yes or no"
            raise RowError(f"target {column.name}", row, reason)
        values[:, i] = np.array([word == "true" for word in words])[codes]
    return values


def _encode_quantity(column: DistinctTexts) -> np.ndarray:
    """The numbers of a regression target."""
    present = column.codes >= 0
    is_number = matches(column.texts, cell_parsing.NUMBER_PATTERN)
    if not is_number.all():
        row, text = column.first_row(~is_number, present)
        raise RowError(f"target {column.name}", row, f"{text!r} is not a number")
    numbers = cell_parsing.cells_to_floats(column.texts)
    if np.isinf(numbers).any():
        row, text = column.first_row(np.isinf(numbers), present)
        raise RowError(f"target {column.name}", row, f"{text!r} is not finite")
    if len(np.unique(numbers)) == 1:
        first = column.texts[0].as_py()
        raise DataError(f"target {column.name}: every row is {first}; nothing to predict")
    return numbers[column.codes[present]]
