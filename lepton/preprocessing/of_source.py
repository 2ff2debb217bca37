"""OfSource: columns that the run which training starts from knows keep its preprocessing."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from lepton.errors import ConfigError
from lepton.preprocessing.number_matrix import MakeArray, in_memory
from lepton.preprocessing.table import Columns, TablePreprocessing
from lepton.pretrained.weight_files import weight_files
from lepton.storage.digests import sha256_of
from lepton.storage.run_log import log_once

OF_SOURCE = "lepton.preprocessing.of_source.OfSource"
MAX_NAMES_SHOWN = 5


def kept_preprocessing(node: dict[str, Any], config: dict[str, Any], file: str) -> dict[str, Any]:
    """The node of a preprocessing that leaves columns as the run has them which training of this
    config starts from; `file` is the name of its preprocessing.

    Raises: ConfigError where the run is gone.
    """
    init_from, revisions = config.get("init_from"), config.get("revisions", {})
    if init_from is None or not revisions.get("preprocessing"):  # a run of before
        return node
    path = Path(init_from)
    if (path / file).is_file():
        return {"_target_": OF_SOURCE, "file": str(path / file), "name": init_from, "own": node}
    if weight_files(path):  # plain ones, or those of a run of data without a table
        return node
    raise ConfigError(f"init_from={init_from}: the run is gone whose preprocessing columns keep")


@dataclass(frozen=True)
class Own:
    """A preprocessing that says what it holds, by which streamed data are told apart."""

    preprocessing: TablePreprocessing

    def __repr__(self) -> str:
        return f"{type(self.preprocessing).__qualname__} {vars(self.preprocessing)}"


class OfSource(TablePreprocessing):
    """The source's preprocessing of its columns, and `own` of all others.

    A column of another kind here counts as another column.
    """

    def __init__(self, *, file: str, name: str, own: TablePreprocessing):
        super().__init__(**own.settings)
        self.file, self.name, self.own = file, name, Own(own)
        self.sha256 = sha256_of(Path(file))  # tells data apart that were streamed

    def fit(
        self,
        frame: Columns,
        kinds: dict[str, str],
        rows: np.ndarray | None = None,
        make_array: MakeArray = in_memory,
    ) -> Self:
        own = self.own.preprocessing.fit(frame, kinds, rows, make_array)
        source = TablePreprocessing.load(Path(self.file))
        kept = [name for name, kind in source.kinds.items() if own.kinds.get(name) == kind]
        if is_divided := _can_be_divided(source, own, kept):
            self._join(source.of_columns(kept)[0], own.of_columns([*_others(own, kept)])[0])
        else:
            kept = []
            self._join(own, own.of_columns([])[0])
        log_once(f"init_from={self.name}: {_line(source, own, kept, is_divided)}")
        return self

    def _join(self, kept: TablePreprocessing, new: TablePreprocessing) -> None:
        """Becomes what treats the columns of both, those of the first as it does."""
        parts = (kept, new)
        self.kinds = kept.kinds | new.kinds
        self.hours, self.categories = kept.hours | new.hours, kept.categories | new.categories
        indicated = {*kept.indicated, *new.indicated}
        dated = self._columns_of("numeric", "date")
        self.indicated = [name for name in dated if name in indicated]
        places = self._number_places()
        places_of = [[i for n in part.kinds if n in places for i in places[n]] for part in parts]
        places_of = [sorted(some) for some in places_of]
        order = np.argsort(np.array([*places_of[0], *places_of[1]], dtype=int))
        self.fill = np.array([*kept.fill, *new.fill], dtype=float)[order].tolist()
        self.fitted_type = new.number_type
        self.blurred = {
            n: count for p in parts for n, count in p.blurred.items() if n in self.kinds
        }
        scalers = [part.scaler for part in parts]
        if all(places_of) and scalers != [None, None]:
            self.scaler = _joined(scalers, places_of, order, self.fill)
        else:
            self.scaler = scalers[0] if places_of[0] else scalers[1]


def _can_be_divided(
    source: TablePreprocessing, own: TablePreprocessing, kept: Iterable[str]
) -> bool:
    """Prepares a source to be asked for some of its columns; False where its scaler takes all of
    its numbers together, and some are not here, or where `own` does so with new ones."""
    source.fitted_type = own.fitted_type
    if type(source.scaler) is type(own.scaler):
        source.scaler_columns = own.scaler_columns
    has_all = {*source.kinds} <= {*kept}
    source_divides = has_all or source.scaler is None or source.scaler_columns is not None
    return source_divides and (own.treats_columns_apart() or not _others(own, kept))


def _others(own: TablePreprocessing, kept: Iterable[str]) -> list[str]:
    return [name for name in own.kinds if name not in {*kept}]


def _joined(
    scalers: list[TransformerMixin | None],
    places_of: list[list[int]],
    order: np.ndarray,
    fill: list[float],
) -> TransformerMixin:
    """What scales the numbers at some places by one fitted scaler, the others by another one.

    Shapes: order (F,), where each number comes among those of the first and those of the second.
    """
    example = np.array([fill])
    columns = ColumnTransformer(
        [
            (name, "passthrough" if scaler is None else FrozenEstimator(scaler), places)
            for name, scaler, places in zip(("kept", "new"), scalers, places_of, strict=True)
        ]
    )
    in_order = ColumnTransformer([("all", "passthrough", order.tolist())])
    return Pipeline([("columns", columns), ("order", in_order)]).fit(example)


def _line(
    source: TablePreprocessing, own: TablePreprocessing, kept: list[str], is_divided: bool
) -> str:
    """What became of the columns, in a line."""
    if not is_divided:
        return "its preprocessing takes numbers together, and columns differ; all are fitted anew"
    texts = [f"{len(kept)} of {len(own.kinds)} columns keep its preprocessing"]
    other_kinds = [name for name in _others(own, kept) if name in source.kinds]
    if new := [name for name in _others(own, kept) if name not in source.kinds]:
        texts.append(f"fitted anew: {_some(new)}")
    texts += [
        f"{name} is {own.kinds[name]} here and {source.kinds[name]} there, fitted anew "
        f"(dataset.columns.{name}={source.kinds[name]} keeps it)"
        for name in other_kinds[:MAX_NAMES_SHOWN]
    ]
    if gone := [name for name in source.kinds if name not in own.kinds]:
        texts.append(f"not here: {_some(gone)}")
    return "; ".join(texts)


def _some(names: list[str]) -> str:
    more = f", ... {len(names)} in all" if len(names) > MAX_NAMES_SHOWN else ""
    return ", ".join(names[:MAX_NAMES_SHOWN]) + more
