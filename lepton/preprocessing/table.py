"""A table's columns as numbers and category codes, the same at training and at prediction."""

from pathlib import Path
from typing import Literal, Self

import numpy as np
import pandas as pd
import torch
from sklearn.impute import SimpleImputer
from torch import Tensor

from lepton.errors import DataError
from lepton.preprocessing.categories import cardinality, category_codes, fit_categories
from lepton.preprocessing.dates import date_parts, has_time, part_names
from lepton.preprocessing.saved import load_state, save_state

FITTED = ("settings", "kinds", "hours", "indicated", "encoders", "fill", "scaler")
CHUNK = 65_536  # rows transformed at a time, so that memory stays near that of the result


class TablePreprocessing:
    """Imputes, scales and encodes typed columns; fitted on the training rows alone."""

    def __init__(
        self,
        *,
        impute: Literal["median", "mean", "most_frequent"],
        indicator: bool,
        rare: int,
        seed: int,
    ):
        self.settings = {"impute": impute, "indicator": indicator, "rare": rare, "seed": seed}

    def fit_scaler(self, numbers: np.ndarray):
        """A fitted scikit-learn transformer of numbers, or None to keep them as they are.

        Shapes: numbers (N, F) floats, imputed; may be changed in place.
        """
        return

    def fit(
        self, frame: pd.DataFrame, kinds: dict[str, str], rows: np.ndarray | None = None
    ) -> Self:
        """Learns from `rows` (all where None) of a frame whose columns have their kinds."""
        rows = np.arange(len(frame)) if rows is None else rows
        self.kinds = {name: kind for name, kind in kinds.items() if kind != "ignore"}
        self._require(frame)
        self.hours = {name: has_time(frame[name].iloc[rows]) for name in self._of("date")}
        missing = [n for n in self._of("numeric", "date") if frame[n].iloc[rows].isna().any()]
        self.indicated = missing if self.settings["indicator"] else []
        self.encoders = {
            name: fit_categories(_column(frame, name)[rows], self.settings["rare"])
            for name in self.cat_features
        }
        numbers = self._numbers(frame, rows)
        self.fill = [self._statistic(column) for column in numbers.T]
        self.scaler = None
        if self.fill:
            self.scaler = self.fit_scaler(_filled(numbers, self.fill))
        return self

    def transform(
        self, frame: pd.DataFrame, rows: np.ndarray | None = None
    ) -> tuple[Tensor, Tensor]:
        """Numbers and category codes of `rows` (all where None), in their order.

        Shapes: (N, len(num_features)) float32, (N, len(cat_features)) int64.
        Raises: DataError when a column is not there, or a number is not finite.
        """
        self._require(frame)
        rows = np.arange(len(frame)) if rows is None else rows
        num = torch.empty(len(rows), len(self.num_features), dtype=torch.float32)
        for start in range(0, len(rows), CHUNK):
            part = slice(start, start + CHUNK)
            num[part] = torch.from_numpy(self._transform_numbers(frame, rows[part]))
        cat = torch.empty(len(rows), len(self.cat_features), dtype=torch.int64)
        for i, name in enumerate(self.cat_features):
            codes = category_codes(self.encoders[name], _column(frame, name)[rows])
            cat[:, i] = torch.from_numpy(codes)
        return num, cat

    @property
    def num_features(self) -> tuple[str, ...]:
        dates = [part for name in self._of("date") for part in part_names(name, self.hours[name])]
        indicators = [f"{name} is missing" for name in self.indicated]
        return (*self._of("numeric"), *dates, *indicators)

    @property
    def cat_features(self) -> tuple[str, ...]:
        return tuple(self._of("categorical", "boolean"))

    @property
    def cat_cardinalities(self) -> tuple[int, ...]:
        return tuple(cardinality(self.encoders[name]) for name in self.cat_features)

    def state(self) -> dict:
        """Everything fitted, as scikit-learn objects and plain values."""
        return {key: getattr(self, key) for key in FITTED}

    @classmethod
    def from_state(cls, state: dict) -> "TablePreprocessing":
        made = TablePreprocessing(**state["settings"])
        vars(made).update(state)
        return made

    def save(self, path: Path) -> None:
        save_state(self.state(), path)

    @classmethod
    def load(cls, path: Path) -> "TablePreprocessing":
        """Raises: LeptonError when the file is missing or holds types that are not trusted."""
        return cls.from_state(load_state(path))

    def _of(self, *kinds: str) -> list[str]:
        return [name for name, kind in self.kinds.items() if kind in kinds]

    def _require(self, frame: pd.DataFrame) -> None:
        absent = [repr(name) for name in self.kinds if name not in frame]
        if absent:
            word = "column" if len(absent) == 1 else "columns"
            raise DataError(f"{word} {', '.join(absent)} not in the table, but in training")

    def _numbers(self, frame: pd.DataFrame, rows: np.ndarray) -> np.ndarray:
        """Numeric columns and date parts of `rows`, in the order of `num_features`.

        float64, or float32 where every column is.
        """
        numeric, dates = self._of("numeric"), self._of("date")
        width = len(self.num_features) - len(self.indicated)
        kinds = {frame[name].dtype for name in numeric} | ({np.dtype(float)} if dates else set())
        dtype = np.result_type(*kinds) if kinds else float
        numbers = np.empty((len(rows), width), dtype=dtype, order="F")
        for i, name in enumerate(numeric):
            numbers[:, i] = frame[name].to_numpy()[rows]
        at = len(numeric)
        for name in dates:
            parts = date_parts(frame[name].iloc[rows], self.hours[name])
            numbers[:, at : at + parts.shape[1]] = parts
            at += parts.shape[1]
        return numbers

    def _statistic(self, column: np.ndarray) -> float:
        """What stands for a missing value; 0 where no value is there."""
        imputer = SimpleImputer(strategy=self.settings["impute"], keep_empty_features=True)
        return float(imputer.fit(column.reshape(-1, 1)).statistics_[0])

    def _transform_numbers(self, frame: pd.DataFrame, rows: np.ndarray) -> np.ndarray:
        numbers = _filled(self._numbers(frame, rows), self.fill)
        if self.scaler is not None:
            numbers = self.scaler.transform(numbers)
        flags = [pd.isna(frame[name].to_numpy()[rows]) for name in self.indicated]
        with np.errstate(over="ignore"):
            numbers = np.column_stack([numbers, *flags]).astype(np.float32)
        finite = np.isfinite(numbers).all(axis=0)
        if not finite.all():
            raise DataError(
                f"column {self.num_features[finite.argmin()]!r} holds a number that is infinite or "
                "too large for 32 bits after scaling; mend it, or leave it empty to be imputed"
            )
        return numbers


def _filled(numbers: np.ndarray, fill: list[float]) -> np.ndarray:
    """`numbers`, its missing values replaced in place, column by column."""
    for column, value in zip(numbers.T, fill, strict=True):
        column[np.isnan(column)] = value
    return numbers


def _column(frame: pd.DataFrame, name: str) -> np.ndarray:
    return frame[name].to_numpy(dtype=object)
