"""The base of the preprocessing options: columns become numbers and category codes."""

from collections.abc import Callable, Collection, Mapping
from copy import copy
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Protocol, Self, TypeAlias

import numpy as np
import pandas as pd
import torch
from sklearn.base import TransformerMixin
from torch import Tensor

from lepton.config.younger_keys import values_before
from lepton.errors import DataError
from lepton.preprocessing.categories import Categories, fit_categories, read_categories
from lepton.preprocessing.dates import (
    MAX_DATE_FEATURES,
    date_feature_names,
    date_features,
    have_time,
    read_dates,
)
from lepton.preprocessing.many_columns import CELLS_READ, fill_values, fit_blocks, in_groups, scale
from lepton.preprocessing.number_matrix import (
    MakeArray,
    NumberMatrix,
    fill_missing,
    in_memory,
    is_blurred,
    read_columns,
    scalable,
)
from lepton.preprocessing.state_file import PLAIN_KEYS, load_state, save_state
from lepton.spec import MISSING_INDICATOR
from lepton.storage.run_files import naming_damage
from lepton.values.bounds import AtLeast0

CHUNK_ROWS = 65_536  # rows transformed at a time, so that memory stays near that of the result


class Columns(Protocol):
    """Columns by name, all of the same rows, as a DataFrame has them.

    A class of them may have a method `numbers`, which gives several numeric columns at once.
    """

    def __contains__(self, name: object) -> bool: ...

    def __getitem__(self, name: str) -> pd.Series: ...

    def __len__(self) -> int: ...


SomeColumns: TypeAlias = Columns | Mapping[str, pd.Series]  # which have their rows given


class TablePreprocessing:
    """Imputes, scales and encodes parsed columns; fitted on the training rows alone.

    `scaler_columns` stands beside a `fit_scaler` whose scaler treats each column by itself: the
    fitted attributes that hold the values of columns, in their last dimension.
    """

    scaler_columns: tuple[str, ...] | None = None
    number_type: np.dtype | None = None  # that numbers are computed with at least
    blurred: Mapping[str, int] = MappingProxyType({})  # features that lose digits, and their rows

    def __init__(
        self,
        *,
        impute: Literal["median", "mean", "most_frequent"],
        indicator: bool,
        rare: AtLeast0,
        seed: int,
    ):
        self.settings = {"impute": impute, "indicator": indicator, "rare": rare, "seed": seed}

    def fit_scaler(self, numbers: np.ndarray) -> TransformerMixin | None:
        """A fitted scikit-learn transformer of numbers, or None to keep them as they are.

        Shapes: numbers (N, F) floats, imputed; may be changed in place.
        """
        return None

    def fit(
        self,
        frame: Columns,
        kinds: dict[str, str],
        rows: np.ndarray | None = None,
        make_array: MakeArray = in_memory,
    ) -> Self:
        """Learns from `rows` (all where None) of a frame whose columns have their kinds.

        Each column is asked for once. `make_array` gives the array of the numbers to scale.
        """
        rows = np.arange(len(frame)) if rows is None else rows
        self.kinds = {name: kind for name, kind in kinds.items() if kind != "ignore"}
        self._require_columns(frame)
        self.hours, self.categories, with_missing = {}, {}, set()
        numeric, dates = self._columns_of("numeric"), self._columns_of("date")
        matrix = NumberMatrix(len(rows), len(numeric) + MAX_DATE_FEATURES * len(dates), make_array)
        for names in in_groups(numeric, len(frame), CELLS_READ):
            values = np.stack([column[rows] for column in read_columns(frame, names)])
            is_missing = np.isnan(values).any(axis=1)
            with_missing |= {names[i] for i in np.flatnonzero(is_missing)}
            matrix.append(scalable(names, values).T)
        for names in in_groups(dates, len(frame), CELLS_READ // MAX_DATE_FEATURES):
            values = np.stack([column[rows] for column in read_dates(frame, names)])
            is_missing = np.isnat(values).any(axis=1)
            with_missing |= {names[i] for i in np.flatnonzero(is_missing)}
            self.hours |= dict(zip(names, have_time(values), strict=True))
            matrix.append(date_features(values, [self.hours[name] for name in names]))
        for names in in_groups(self.cat_features, len(frame), CELLS_READ):
            for name, column in zip(names, read_categories(frame, names), strict=True):
                self.categories[name] = fit_categories(column, rows, self.settings["rare"])
        missing = [name for name in self._columns_of("numeric", "date") if name in with_missing]
        self.indicated = missing if self.settings["indicator"] else []
        numbers = matrix.numbers()
        self.fitted_type = numbers.dtype
        self.fill = fill_values(numbers, self.settings["impute"])
        self.scaler = None
        if self.fill:
            filled = fill_missing(numbers, self.fill)
            self.scaler = self.fit_scaler(filled)
            if self.scaler is None:
                features = zip(self.num_features, filled.T, strict=False)  # but indicators
                self.blurred = {n: len(rows) for n, column in features if is_blurred(column)}
        return self

    def transform(
        self, frame: SomeColumns, rows: np.ndarray | None = None
    ) -> tuple[Tensor, Tensor]:
        """Numbers and category codes of `rows` (all where None), in their order.

        Shapes: (N, len(num_features)) float32, (N, len(cat_features)) int64.
        Raises: DataError when a column is not there, or a number is not finite.
        """
        self._require_columns(frame)
        rows = np.arange(len(frame)) if rows is None else rows
        num = torch.empty(len(rows), len(self.num_features), dtype=torch.float32)
        for start in range(0, len(rows), CHUNK_ROWS):
            chunk = slice(start, start + CHUNK_ROWS)
            num[chunk] = torch.from_numpy(self._transform_numbers(frame, rows[chunk]))
        cat = torch.empty(len(rows), len(self.cat_features), dtype=torch.int64)
        columns = zip(self.cat_features, read_categories(frame, self.cat_features), strict=True)
        for i, (name, column) in enumerate(columns):
            cat[:, i] = torch.from_numpy(self.categories[name].codes(column)[rows])
        return num, cat

    def treats_columns_apart(self) -> bool:
        """True when a column's inputs do not depend on those of other columns."""
        classes = [c for c in type(self).__mro__ if "fit_scaler" in vars(c)]
        return vars(classes[0]).get("scaler_columns") is not None

    def of_columns(self, names: Collection[str]) -> "tuple[TablePreprocessing, list[int]]":
        """What transforms some columns alone, and where their numbers are among `num_features`."""
        of_name = self._number_places()
        places = [i for name, its_places in of_name.items() if name in names for i in its_places]
        start = len(self.fill)
        alone = TablePreprocessing(**self.settings)
        alone.number_type = self.fitted_type
        alone.kinds = {name: kind for name, kind in self.kinds.items() if name in names}
        alone.hours = {name: self.hours[name] for name in names if name in self.hours}
        alone.categories = {n: self.categories[n] for n in names if n in self.categories}
        alone.indicated = [name for name in self.indicated if name in names]
        alone.fill = [self.fill[place] for place in places]
        alone.scaler = self._scaler_of(places) if places else None
        indicators = [start + i for i, name in enumerate(self.indicated) if name in names]
        return alone, places + indicators

    def _number_places(self) -> dict[str, range]:
        """Where the numbers of each numeric and date column are among `num_features`."""
        places, start = {}, 0
        for name in (*self._columns_of("numeric"), *self._columns_of("date")):
            is_date = self.kinds[name] == "date"
            width = len(date_feature_names(name, self.hours[name])) if is_date else 1
            places[name] = range(start, start + width)
            start += width
        return places

    def _scaler_of(self, places: list[int]) -> TransformerMixin | None:
        """The fitted scaler, of some of the numbers alone; of all it may be of any kind."""
        if self.scaler is None or places == [*range(len(self.fill))]:
            return self.scaler
        scaler = copy(self.scaler)
        for name in self.scaler_columns or ():
            setattr(scaler, name, getattr(scaler, name)[..., places])
        scaler.n_features_in_ = len(places)
        return scaler

    def fit_columns(
        self, numbers: np.ndarray, fit: Callable[[np.ndarray], TransformerMixin]
    ) -> TransformerMixin:
        """The scaler of all columns, fitted on few at a time: the temporaries are those of few.

        Shapes: numbers (N, F); `fit` is given (N, some).
        """
        return fit_blocks(numbers, fit, self.scaler_columns or ())

    @property
    def num_features(self) -> tuple[str, ...]:
        """The names of the numbers: numeric columns, date features, indicators of missing."""
        dates = [
            feature
            for name in self._columns_of("date")
            for feature in date_feature_names(name, self.hours[name])
        ]
        indicators = [f"{name}{MISSING_INDICATOR}" for name in self.indicated]
        return (*self._columns_of("numeric"), *dates, *indicators)

    @property
    def cat_features(self) -> tuple[str, ...]:
        """The names of the columns that become category codes."""
        return tuple(self._columns_of("categorical", "boolean"))

    @property
    def cat_cardinalities(self) -> tuple[int, ...]:
        """The number of codes of each of `cat_features`."""
        return tuple(self.categories[name].cardinality for name in self.cat_features)

    def state(self) -> dict[str, Any]:
        """Everything fitted, as scikit-learn objects and plain values."""
        plain = {key: getattr(self, key) for key in PLAIN_KEYS}
        plain["categories"] = {name: vars(its) for name, its in self.categories.items()}
        return {"plain": plain, "fill": np.array(self.fill, dtype=float), "scaler": self.scaler}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "TablePreprocessing":
        """A fitted object with this state, which transforms as the one that it was taken of."""
        plain = state["plain"]
        target = f"{TablePreprocessing.__module__}.{TablePreprocessing.__qualname__}"
        earlier = values_before("preprocessing", {"_target_": target})
        preprocessor = TablePreprocessing(**{**earlier, **plain["settings"]})
        vars(preprocessor).update({key: plain[key] for key in PLAIN_KEYS})
        preprocessor.categories = {n: Categories(**its) for n, its in plain["categories"].items()}
        preprocessor.fill = np.asarray(state["fill"], dtype=float).tolist()  # once a list in files
        preprocessor.scaler = state["scaler"]
        return preprocessor

    def save(self, path: Path) -> None:
        """Writes everything fitted."""
        save_state(self.state(), path)

    @classmethod
    def load(cls, path: Path) -> "TablePreprocessing":
        """The object that `save` wrote.

        Raises: LeptonError for a file that is missing, damaged or holds types that are not trusted.
        """
        with naming_damage(path):
            return cls.from_state(load_state(path))

    def _columns_of(self, *kinds: str) -> list[str]:
        return [name for name, kind in self.kinds.items() if kind in kinds]

    def _require_columns(self, frame: SomeColumns) -> None:
        absent = [repr(name) for name in self.kinds if name not in frame]
        if absent:
            noun = "column" if len(absent) == 1 else "columns"
            raise DataError(f"{noun} {', '.join(absent)} not in the table, but in training")

    def _read_numbers(self, frame: SomeColumns, rows: np.ndarray) -> np.ndarray:
        """Numeric columns and date features of `rows`, in the order of `num_features`.

        float64, or float32 where every column is.
        """
        numeric, dates = self._columns_of("numeric"), self._columns_of("date")
        width = len(self.num_features) - len(self.indicated)
        columns = read_columns(frame, numeric)
        dtypes = {column.dtype for column in columns} | ({np.dtype(float)} if dates else set())
        dtypes |= {self.number_type} if self.number_type else set()
        dtype = np.result_type(*dtypes) if dtypes else float
        numbers = np.empty((len(rows), width), dtype=dtype, order="F")
        for i, column in enumerate(columns):
            numbers[:, i] = column[rows]
        if dates:
            values = np.stack([column[rows] for column in read_dates(frame, dates)])
            hours = [self.hours[name] for name in dates]
            numbers[:, len(numeric) :] = date_features(values, hours)
        return numbers

    def _transform_numbers(self, frame: SomeColumns, rows: np.ndarray) -> np.ndarray:
        numbers = self._read_numbers(frame, rows)
        places = self._number_places()
        indicators = [np.isnan(numbers[:, places[name].start]) for name in self.indicated]
        numbers = fill_missing(numbers, self.fill)
        if self.scaler is not None:
            numbers = scale(self.scaler, numbers)
        with np.errstate(over="ignore"):
            numbers = np.column_stack([numbers, *indicators]).astype(np.float32)
        is_finite = np.isfinite(numbers).all(axis=0)
        if not is_finite.all():
            name = self.num_features[is_finite.argmin()]
            raise DataError(
                f"column {name!r} holds a number that is infinite or "
                "too large for 32 bits after scaling; mend it, or leave it empty to be imputed"
            )
        return numbers
