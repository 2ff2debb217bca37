"""The target column as numbers: which task it poses, its classes, and the rows that have it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lepton.dataset.clean import cell_parsing
from lepton.dataset.clean.cleaning_note import Note
from lepton.dataset.clean.columns import near
from lepton.errors import DataError

TASKS = ("binary", "multiclass", "multilabel", "regression")
MANY = 20  # distinct whole numbers above which a target counts as a quantity, not as classes


@dataclass(frozen=True)
class Target:
    """A target ready to learn.

    Shapes: kept (rows,), False where the target is missing; of the n kept rows, values are
        binary (n,) float32 of 0 and 1, multiclass (n,) int64, multilabel (n, K) float32,
        regression (n,) float64.
    """

    task: str
    classes: tuple[str, ...]  # value i is classes[i]; label names for multilabel; () for regression
    names: tuple[str, ...]  # target columns
    values: np.ndarray
    kept: np.ndarray
    notes: list[Note]


def encode_target(
    frame: pd.DataFrame, target: str | list[str], task: str | None, positive: str | None
) -> Target:
    """The target of a table; `task` None is found from its values.

    Several columns are multilabel. Two distinct values are binary; the class `positive`, or the
    second in sorted order, becomes 1 and stands second in `classes`. Numbers are regression when
    one has a fraction or more than MANY differ. All else is multiclass, its classes sorted.

    Raises: DataError naming the column, and the row (the first data row is 1) where there is one.
    """
    names = [target] if isinstance(target, str) else list(target)
    if task is not None and task not in TASKS:
        raise DataError(f"dataset.task: {task!r} is no task{near(task, TASKS)}")
    for name in names:
        if name not in frame.columns:
            raise DataError(f"dataset.target: no column {name!r}{near(name, frame.columns)}")
    if not names or (len(names) > 1 and task not in (None, "multilabel")):
        raise DataError(f"dataset.target: {names} for {task}; only multilabel has several columns")
    words = pd.DataFrame({name: cell_parsing.text(frame[name]) for name in names})
    kept = words.notna().all(axis=1).to_numpy()
    where, dropped = f"target {', '.join(names)}", int((~kept).sum())
    if not kept.any():
        raise DataError(f"{where}: every value is missing")
    notes = [Note("missing target, row dropped", dropped, where)] if dropped else []
    words = words.set_axis(range(1, len(words) + 1))[kept]
    task = task or ("multilabel" if len(names) > 1 else _task(words[names[0]]))
    if task in ("multilabel", "regression") and positive is not None:
        _refuse_positive(positive, f"task {task}")
    if task == "multilabel":
        classes, values = tuple(names), _labels(words)
    elif task == "regression":
        classes, values = (), _quantity(words[names[0]])
    else:
        classes, values = _classes(words[names[0]], task, positive)
    return Target(task, classes, tuple(names), values, kept, notes)


def _task(words: pd.Series) -> str:
    different = pd.Series(words.unique())
    if (
        len(different) > 2
        and cell_parsing.is_number(different).all()
        and not cell_parsing.is_code(words).any()
    ):
        numbers = different.astype(float)
        if len(numbers) > MANY or (numbers % 1 != 0).any():
            return "regression"
    return "binary" if len(different) == 2 else "multiclass"


def _classes(
    words: pd.Series, task: str, positive: str | None
) -> tuple[tuple[str, ...], np.ndarray]:
    """Class names in the order of their numbers, and the number of every row."""
    where = f"target {words.name}"
    found = pd.Series(words.unique())
    key = float if cell_parsing.is_number(found).all() else str
    classes = sorted(found, key=lambda word: (key(word), word))
    if len(classes) == 1:
        raise DataError(f"{where}: every row is {classes[0]!r}; at least two classes are needed")
    if task == "binary" and len(classes) > 2:
        some = ", ".join(classes[:5])
        raise DataError(f"{where}: {len(classes)} classes ({some}, ...) for task binary")
    if positive is not None:
        _refuse_positive(positive, f"{len(classes)} classes" if len(classes) > 2 else None)
        positive = _class_like(str(positive), classes, where)
        classes = [c for c in classes if c != positive] + [positive]
    codes = words.map({c: i for i, c in enumerate(classes)}).to_numpy()
    return tuple(classes), codes.astype(np.float32 if task == "binary" else np.int64)


def _refuse_positive(positive: str, found: str | None) -> None:
    if found:
        raise DataError(
            f"dataset.positive={positive}: is for two classes, not for {found}; set it to null"
        )


def _class_like(positive: str, classes: list[str], where: str) -> str:
    """The class that is meant: the same word, or the only one that differs just in case."""
    like = [c for c in classes if c == positive] or [
        c for c in classes if c.lower() == positive.lower()
    ]
    if len(like) != 1:
        raise DataError(
            f"{where}: positive class {positive!r} is not a class{near(positive, classes)}"
        )
    return like[0]


def _labels(words: pd.DataFrame) -> np.ndarray:
    """0 and 1 for every label of a multilabel target."""
    values = words.apply(lambda column: column.str.lower().map(cell_parsing.TRUTH))
    for name in words:
        wrong = words.index[values[name].isna()]
        if len(wrong):
            raise DataError(
                f"target {name}, row {wrong[0]}: {words.at[wrong[0], name]!r} is not 0 or 1; "
                "the columns of a multilabel target say yes or no"
            )
    return (values == "true").to_numpy(dtype=np.float32)


def _quantity(words: pd.Series) -> np.ndarray:
    """The numbers of a regression target."""
    numbers = pd.Series(
        cell_parsing.to_float(words.where(cell_parsing.is_number(words))), words.index
    )
    for wrong, why in ((numbers.isna(), "is not a number"), (np.isinf(numbers), "is not finite")):
        if wrong.any():
            row = words.index[wrong][0]
            raise DataError(f"target {words.name}, row {row}: {words[row]!r} {why}")
    if numbers.nunique() == 1:
        raise DataError(f"target {words.name}: every row is {words.iloc[0]}; nothing to predict")
    return numbers.to_numpy(dtype=np.float64)
