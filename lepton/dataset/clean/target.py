"""The target column encoded as numbers: the task it poses, its classes, and the rows that have it.

A target of several columns is one of labels.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lepton.dataset.clean import cell_parsing
from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.clean.suggestion import suggestion
from lepton.errors import DataError

TASKS = ("binary", "multiclass", "multilabel", "regression")


@dataclass(frozen=True)
class Target:
    """A target ready to learn.

    Shapes: kept_rows (rows,), False where the target is missing; of the n kept rows, values are
        binary (n,) float32 of 0 and 1, multiclass (n,) int64, multilabel (n, K) float32,
        regression (n,) float64.
    """

    task: str
    classes: tuple[str, ...]  # value i is classes[i]; label names for multilabel; () for regression
    columns: tuple[str, ...]
    values: np.ndarray
    kept_rows: np.ndarray
    notes: list[CleaningNote]


def encode_target(
    frame: pd.DataFrame,
    target: str | list[str],
    task: str | None,
    positive: str | int | bool | None,
    *,
    max_numeric_classes: int,
) -> Target:
    """The target of a table; a `task` of None is inferred from the values.

    Several columns are multilabel. Two distinct values are binary; the class `positive`, or the
    second in sorted order, becomes 1 and stands second in `classes`. Numbers are regression when
    one has a fraction, or more than `max_numeric_classes` differ. All else is multiclass, its
    classes sorted.

    Raises: DataError naming the column, and the row (the first data row is 1) where there is one.
    """
    columns = [target] if isinstance(target, str) else list(target)
    _check_names(frame, columns, task)
    texts = pd.DataFrame({name: cell_parsing.to_text(frame[name]) for name in columns})
    kept_rows = texts.notna().all(axis=1).to_numpy()
    where, dropped = f"target {', '.join(columns)}", int((~kept_rows).sum())
    if not kept_rows.any():
        raise DataError(f"{where}: every value is missing")
    notes = [CleaningNote("missing target, row dropped", dropped, where)] if dropped else []
    texts = texts.set_axis(range(1, len(texts) + 1))[kept_rows]  # rows as messages count them
    if task is None:
        task = "multilabel"
        if len(columns) == 1:
            task = _infer_task(texts[columns[0]], max_numeric_classes)
    if task in ("multilabel", "regression") and positive is not None:
        raise _needless_positive(positive, f"task {task}")
    if task == "multilabel":
        classes, values = tuple(columns), _encode_labels(texts)
    elif task == "regression":
        classes, values = (), _encode_quantity(texts[columns[0]])
    else:
        classes, values = _encode_classes(texts[columns[0]], task, positive)
    return Target(task, classes, tuple(columns), values, kept_rows, notes)


def _check_names(frame: pd.DataFrame, columns: list[str], task: str | None) -> None:
    """Raises: DataError for a task or a column that does not exist, or that do not go together."""
    if task is not None and task not in TASKS:
        raise DataError(f"dataset.task: {task!r} is no task{suggestion(task, TASKS)}")
    for name in columns:
        if name not in frame.columns:
            hint = suggestion(name, frame.columns)
            raise DataError(f"dataset.target: no column {name!r}{hint}")
    if not columns or (len(columns) > 1 and task not in (None, "multilabel")):
        raise DataError(
            f"dataset.target: {columns} for {task}; only multilabel has several columns"
        )


def _infer_task(texts: pd.Series, max_numeric_classes: int) -> str:
    distinct = pd.Series(texts.unique())
    if (
        len(distinct) > 2
        and cell_parsing.is_number(distinct).all()
        and not cell_parsing.is_code(texts).any()
    ):
        numbers = distinct.astype(float)
        if len(numbers) > max_numeric_classes or (numbers % 1 != 0).any():
            return "regression"
    return "binary" if len(distinct) == 2 else "multiclass"


def _encode_classes(
    texts: pd.Series, task: str, positive: str | int | bool | None
) -> tuple[tuple[str, ...], np.ndarray]:
    """Class names in the order of their numbers, and the number of every row."""
    where = f"target {texts.name}"
    distinct = pd.Series(texts.unique())
    as_sorted = float if cell_parsing.is_number(distinct).all() else str
    classes = sorted(distinct, key=lambda name: (as_sorted(name), name))
    if len(classes) == 1:
        raise DataError(f"{where}: every row is {classes[0]!r}; at least two classes are needed")
    if task == "binary" and len(classes) > 2:
        first_classes = ", ".join(classes[:5])
        raise DataError(f"{where}: {len(classes)} classes ({first_classes}, ...) for task binary")
    if positive is not None:
        if len(classes) > 2:
            raise _needless_positive(positive, f"{len(classes)} classes")
        positive_class = _matching_class(str(positive), classes, where)
        classes = [name for name in classes if name != positive_class] + [positive_class]
    codes = texts.map({name: code for code, name in enumerate(classes)}).to_numpy()
    return tuple(classes), codes.astype(np.float32 if task == "binary" else np.int64)


def _needless_positive(positive: str | int | bool, actual: str) -> DataError:
    return DataError(
        f"dataset.positive={positive}: is for two classes, not for {actual}; set it to null"
    )


def _matching_class(positive: str, classes: list[str], where: str) -> str:
    """The class that is spelled like `positive`, or the only one that differs in case alone."""
    matches = [name for name in classes if name == positive] or [
        name for name in classes if name.lower() == positive.lower()
    ]
    if len(matches) != 1:
        hint = suggestion(positive, classes)
        raise DataError(f"{where}: positive class {positive!r} is not a class{hint}")
    return matches[0]


def _encode_labels(texts: pd.DataFrame) -> np.ndarray:
    """0 and 1 for every label of a multilabel target."""
    values = texts.apply(lambda column: column.str.lower().map(cell_parsing.BOOLEAN_WORDS))
    for name in texts:
        refused = texts.index[values[name].isna()]
        if len(refused):
            raise DataError(
                f"target {name}, row {refused[0]}: {texts.at[refused[0], name]!r} is not 0 or 1; "
                "the columns of a multilabel target say yes or no"
            )
    return (values == "true").to_numpy(dtype=np.float32)


def _encode_quantity(texts: pd.Series) -> np.ndarray:
    """The numbers of a regression target."""
    parsed = cell_parsing.text_to_floats(texts.where(cell_parsing.is_number(texts)))
    numbers = pd.Series(parsed, texts.index)
    for refused, why in ((numbers.isna(), "is not a number"), (np.isinf(numbers), "is not finite")):
        if refused.any():
            row = texts.index[refused][0]
            raise DataError(f"target {texts.name}, row {row}: {texts[row]!r} {why}")
    if numbers.nunique() == 1:
        raise DataError(f"target {texts.name}: every row is {texts.iloc[0]}; nothing to predict")
    return numbers.to_numpy(dtype=np.float64)
