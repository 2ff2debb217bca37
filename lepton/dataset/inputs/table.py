"""TableInputs: columns of a table as tensors of numbers and category codes."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import torch

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.clean.column_kinds import infer_kinds, parse_columns
from lepton.dataset.clean.parsed_columns import ParsedColumns
from lepton.dataset.clean.target import Target
from lepton.dataset.describe.column_notices import column_notices
from lepton.dataset.describe.preparation_notes import preprocessing_notes, unseen_category_notes
from lepton.dataset.inputs.example_table import table_fields
from lepton.dataset.inputs.explained import Explained, explained_row
from lepton.dataset.inputs.kind import InputKind, RawSplits, Rows
from lepton.dataset.inputs.measured import MeasuredColumn, parsed_columns
from lepton.dataset.inputs.shown_tensors import shown_cells
from lepton.dataset.load.batch_cutter import BATCH_BYTES, EVALUATION_ROWS
from lepton.dataset.read.raw_table import RawTable, as_table
from lepton.dataset.split.split_rows import SplitRows
from lepton.dataset.split.table_duplicates import table_leaks
from lepton.errors import DataError
from lepton.preprocessing.many_columns import column_blocks, columns_at_once
from lepton.preprocessing.of_source import kept_preprocessing
from lepton.preprocessing.split_inputs import BLOCK_ROWS, transform_blocks, transform_columns
from lepton.preprocessing.table import TablePreprocessing
from lepton.spec import QUANTILE_LEVELS, UNSEEN_CODE, DataSpec
from lepton.storage.scratch import release_memory
from lepton.values.bounds import AtLeast0
from lepton.values.counted import counted

PREPROCESSING_FILE = "preprocessing.skops"
MAX_ROW_BYTES = BATCH_BYTES // EVALUATION_ROWS
COLUMNS_AT_ONCE = 4  # gathered out of rows that may lie on a disk


class TableInputs(InputKind):
    """Columns of a table: `num` (rows, F) float32 and `cat` (rows, C) int64, where there are any.

    All columns that nothing else takes are inputs. `kinds` are those of the columns.
    """

    name = "table"
    plural = "a table"
    groups = ("preprocessing",)
    supplies = ("preprocessing",)
    column_argument = "columns"
    takes_rest = True
    tensors = ("num", "cat")
    corruptions = "lepton.dataset.corruptions.table.TableCorruptions"

    def __init__(
        self,
        *,
        columns: dict[str, str],
        preprocessing: TablePreprocessing,
        min_identifier_values: AtLeast0,
        duplicates: Literal["drop", "keep"] = "keep",
    ):
        super().__init__()
        self.duplicates: Literal["drop", "keep"] = duplicates
        self.surveyed: RawSplits | None = None  # the rows, from `survey` on until `prepare`
        self.columns, self.preprocessor = dict(columns), preprocessing
        self.min_identifier_values = min_identifier_values
        self.kinds: dict[str, str] = {}

    @classmethod
    def parts(cls, config: dict[str, Any]) -> dict[str, dict[str, Any] | None]:
        node = {**config["preprocessing"], "seed": config["dataset"]["split_seed"]}
        return {"preprocessing": kept_preprocessing(node, config, PREPROCESSING_FILE)}

    def holds_any(self, frame: pd.DataFrame, excluded: Collection[str]) -> bool:
        kinds, _ = self._inferred(frame, excluded)
        return not set(kinds.values()) <= {"ignore"}

    def survey(self, raw: RawSplits) -> None:
        """Sets `kinds`."""
        self._find_kinds(raw, as_table(raw.frame))
        self.surveyed = raw

    def drop_rows(self, rows: SplitRows, target: Target) -> SplitRows:
        """Training rows whose inputs stand in val or test too are said, or dropped.

        Nothing is said of rows that have inputs of other kinds beside their table.
        """
        if self.surveyed is None or self.surveyed.of_other_kinds:
            return rows
        table, drop = as_table(self.surveyed.frame), self.duplicates == "drop"
        rows, notes = table_leaks(table, self.kinds, rows, target, drop=drop)
        self.notes += notes
        return rows

    def prepare(self, raw: RawSplits) -> dict[str, Rows]:
        """The tensors of each split; sets `kinds` and fits the preprocessing."""
        table = as_table(raw.frame)
        if self.surveyed is None:
            self._find_kinds(raw, table)
        self.surveyed = None
        columns = ParsedColumns(table, self.kinds, raw.kept_rows, raw.files)
        release_memory()  # of what reading has left
        self.preprocessor.fit(columns, self.kinds, raw.positions["train"], raw.arrays.scratch)
        release_memory()
        if self.preprocessor.treats_columns_apart() and not raw.arrays.streamed:
            arrays = transform_columns(self.preprocessor, columns, raw.positions, raw.arrays.make)
        else:
            blocks = columns.blocks(BLOCK_ROWS)
            arrays = transform_blocks(self.preprocessor, blocks, raw.positions, raw.arrays.make)
        release_memory()
        splits = {
            split: {name: torch.from_numpy(values) for name, values in inputs.items()}
            for split, inputs in arrays.items()
        }
        self.notes += [
            *column_notices(table, self._undeclared_numbers()),
            *preprocessing_notes(columns.missing, self.preprocessor),
            *unseen_category_notes(splits, self.preprocessor.cat_features),
        ]
        return splits

    def _undeclared_numbers(self) -> Iterator[str]:
        return (n for n, kind in self.kinds.items() if kind == "numeric" and n not in self.columns)

    def settings(self) -> dict[str, Any]:
        return {
            "columns": self.columns,
            "min_identifier_values": self.min_identifier_values,
            "duplicates": self.duplicates,
            "preprocessing": self.preprocessor,
        }

    def facts(self) -> dict[str, Any]:
        return {"kinds": self.kinds}

    def restore(self, folder: Path, spec: DataSpec, facts: dict[str, Any]) -> None:
        self.kinds, self.preprocessor = facts["kinds"], self.load(folder, spec).preprocessor

    def _find_kinds(self, raw: RawSplits, table: RawTable) -> None:
        """Sets `kinds`, of all columns that may be features, and adds to `notes`."""
        self.notes += [
            CleaningNote(reason, len(table), f"column {name}")
            for name, reason in raw.excluded.items()
            if reason
        ]
        self.kinds, kind_notes = self._inferred(table, raw.excluded)
        if set(self.kinds.values()) <= {"ignore"}:
            reason = "; ".join(map(str, kind_notes)) or "the table holds nothing else"
            raise DataError(f"no column is left to learn from: {reason}")
        self.notes += kind_notes

    def _inferred(
        self, table: pd.DataFrame | RawTable, excluded: Collection[str]
    ) -> tuple[dict[str, str], list[CleaningNote]]:
        least = self.min_identifier_values
        return infer_kinds(table, self.columns, min_identifier_values=least, excluded=excluded)

    def _tensors(self, features: pd.DataFrame, rows: np.ndarray | None) -> Rows:
        num, cat = self.preprocessor.transform(features, rows)
        return {name: values for name, values in (("num", num), ("cat", cat)) if values.shape[1]}

    def spec_fields(self, train: Rows) -> dict[str, Any]:
        categories = self.preprocessor.categories
        return {
            "num_features": self.preprocessor.num_features,
            "cat_features": self.preprocessor.cat_features,
            "cat_cardinalities": self.preprocessor.cat_cardinalities,
            "categories": tuple(categories[n].names for n in self.preprocessor.cat_features),
            "quantiles": _quantiles(train),
        }

    def save(self, folder: Path) -> None:
        self.preprocessor.save(folder / PREPROCESSING_FILE)

    @classmethod
    def load(cls, folder: Path, spec: DataSpec) -> Self:
        preprocessor = TablePreprocessing.load(folder / PREPROCESSING_FILE)
        return cls(columns={}, preprocessing=preprocessor, min_identifier_values=0)

    @property
    def read_columns(self) -> tuple[str, ...]:
        kinds = self.preprocessor.kinds
        return tuple(name for name, kind in kinds.items() if kind != "ignore")

    def encode(self, frame: pd.DataFrame) -> Rows:
        return self._tensors(parse_columns(frame, self.preprocessor.kinds), None)

    @classmethod
    def row_bytes(cls, rows: Rows) -> int:
        """A batch is a view of the table; so many bytes at most keep it at the rows it always had,
        and results as they were to the last bit."""
        return min(super().row_bytes(rows), MAX_ROW_BYTES)

    @classmethod
    def describes(cls, spec: DataSpec) -> bool:
        return bool(spec.num_features or spec.cat_features)

    @classmethod
    def describe(cls, spec: DataSpec) -> str:
        categories = counted(len(spec.cat_features), "category", "categories")
        return ", ".join(filter(None, [counted(len(spec.num_features), "number"), categories]))

    @classmethod
    def example_fields(cls) -> list[dict[str, Any]]:
        return [table_fields()]

    @classmethod
    def narrow_fields(cls, spec: DataSpec) -> Iterator[dict[str, Any]]:
        """Yields the table with its numbers alone and with its categories alone."""
        if spec.num_features and spec.cat_features:
            yield {"cat_features": (), "cat_cardinalities": ()}
            yield {"num_features": (), "quantiles": ()}

    @classmethod
    def example_rows(cls, spec: DataSpec, rows: int, generator: torch.Generator) -> Rows:
        batch = {}
        if spec.num_features:
            batch["num"] = torch.randn(rows, len(spec.num_features), generator=generator)
        if spec.cat_features:
            codes = [torch.randint(n, (rows,), generator=generator) for n in spec.cat_cardinalities]
            batch["cat"] = torch.stack(codes, 1)
        return batch

    @classmethod
    def tensors_of(cls, spec: DataSpec) -> tuple[str, ...]:
        has = {"num": spec.num_features, "cat": spec.cat_features}
        return tuple(name for name, features in has.items() if features)

    @classmethod
    def broken_promises(cls, split: str, rows: Rows, spec: DataSpec) -> Iterator[str]:
        expected = {
            "num": (len(spec.num_features), torch.float32),
            "cat": (len(spec.cat_features), torch.int64),
        }
        for name in rows.keys() & expected.keys():
            actual = (rows[name].shape[1], rows[name].dtype)
            if actual != expected[name]:
                yield f"`{name}` must have columns, dtype {expected[name]}; has {actual}"
        if "num" in rows and (count := int((~rows["num"].isfinite()).sum())):
            yield f"numbers must be finite; {count} are not"
        if "cat" in rows:
            codes, sizes = rows["cat"], torch.tensor(spec.cat_cardinalities)
            if strays := codes[(codes < 0) | (codes >= sizes)].tolist():
                yield f"codes must lie in [0, cardinality) of their feature; {strays[:5]} do not"
        if "num" in rows and split == "train":
            ends = torch.tensor(spec.quantiles)[:, [0, -1]]
            actual = torch.stack(rows["num"].aminmax(dim=0), 1).to(ends)
            differs = ~torch.isclose(ends, actual, rtol=1e-4, atol=1e-5).all(1)
            if differs.any():
                yield (
                    "spec.quantiles must go from the smallest to the largest training value of "
                    f"each number, {actual[differs][0].tolist()}; they go "
                    f"{ends[differs][0].tolist()}"
                )

    def shown(self, rows: pd.DataFrame) -> pd.DataFrame:
        return rows

    def shown_tensors(self, row: Rows, spec: DataSpec) -> dict[str, Any]:
        return shown_cells(row, spec)

    def slice_columns(self, rows: pd.DataFrame) -> pd.DataFrame:
        return rows

    def measured(
        self, table: RawTable, names: list[str], rows: np.ndarray
    ) -> Iterator[MeasuredColumn]:
        """Yields the columns, parsed as their kinds say; ignored ones as they stand."""
        return parsed_columns(table, names, rows, self.kinds)

    def neutral(self, batch: Rows, spec: DataSpec) -> Rows:
        """Each number the median of training, each category one that training has not seen."""
        rows = {}
        if "num" in batch:
            middle = torch.tensor(spec.quantiles)[:, QUANTILE_LEVELS // 2]
            rows["num"] = middle.to(batch["num"]).expand_as(batch["num"])
        if "cat" in batch:
            rows["cat"] = torch.full_like(batch["cat"], UNSEEN_CODE)
        return rows

    def explained(
        self, raw: pd.DataFrame, batch: Rows, spec: DataSpec, attributed: dict[str, Any]
    ) -> Explained:
        return explained_row(raw, spec, attributed)


def _quantiles(train: Rows) -> tuple[tuple[float, ...], ...]:
    if "num" not in train:
        return ()
    levels, quantiles = np.linspace(0, 1, QUANTILE_LEVELS), []
    at_once = max(COLUMNS_AT_ONCE, columns_at_once(len(train["num"])))
    for columns in train["num"].split(at_once, dim=1):
        for some in column_blocks(np.ascontiguousarray(columns.numpy().T).T):
            quantiles += map(tuple, np.quantile(some, levels, axis=0).T.tolist())
    return tuple(quantiles)
