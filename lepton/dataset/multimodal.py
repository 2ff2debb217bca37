"""Data sets of tables whose columns are inputs of several kinds: numbers, texts, pictures."""

from collections.abc import Collection
from functools import partial
from typing import Any, Literal

import pandas as pd

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.clean.column_kinds import COLUMN_KINDS
from lepton.dataset.clean.column_rule import ColumnRule
from lepton.dataset.clean.suggestion import suggestion
from lepton.dataset.decoding_budget import DecodingBudget
from lepton.dataset.inputs.absence import has_cells
from lepton.dataset.inputs.kind import InputKind
from lepton.dataset.inputs.presence import presence_of
from lepton.dataset.load.streaming import FileSource, reads_as
from lepton.dataset.read.any_table import read_table
from lepton.dataset.read.rooted_paths import rooted_paths
from lepton.errors import DataError
from lepton.values.bounds import AtLeast0, From0To1, NotBelow0

KindClass = partial  # of a class of InputKind, which lacks its columns yet


def kind_of(make: KindClass) -> type[InputKind]:
    """The class that is yet to be given its columns."""
    target: Any = make
    while isinstance(target, partial):
        target = target.func
    return target


class MultimodalData(DecodingBudget):
    """A table, and a second one to test on, each of whose columns goes to the kind that suits it.

    `columns` says what some hold: the name of a kind in `inputs`, or a kind of a table's columns.
    The others are looked at, by the kinds in their order; a table takes what is left. The model is
    given those of `use`; the others say as well which rows there are, so that all runs have the
    same ones.
    """

    holds = ("inputs",)
    folder_keys = ("root",)
    root_keys = ("root",)
    layout_keys = ("encoding", "separator", "quote")

    def __init__(
        self,
        *,
        path: str,
        test_path: str | None,
        root: str | None,
        use: str | list[str],
        columns: dict[str, str],
        absent: Literal["keep", "drop", "refuse"],
        min_words: NotBelow0,
        min_distinct: From0To1,
        min_paths: From0To1,
        separator: str | None,
        quote: str | None,
        decimal: str | None,
        encoding: str,
        missing: list[str],
        memory_gb: NotBelow0 | None,
        cache_gb: NotBelow0 | None,
        decoding_threads: AtLeast0,
        inputs: dict[str, KindClass],
        **rows: Any,
    ):
        super().__init__(**rows)
        self.paths, self.root, self.use, self.absent = (path, test_path), root, use, absent
        self.columns, self.classes = dict(columns), inputs
        self.rule = ColumnRule(min_words, min_distinct, min_paths)
        self.csv_options: dict[str, Any] = {
            "separator": separator,
            "quote": quote,
            "decimal": decimal,
            "encoding": encoding,
            "missing": missing,
        }
        self.unread_names: Collection[str] = ()
        self.has_looked = False
        self.tables_ahead: tuple[pd.DataFrame, pd.DataFrame | None] | None = None
        self.memory_gb, self.cache_gb = memory_gb, cache_gb
        self.decoding_threads = decoding_threads

    def file_names(self) -> tuple[str, str]:
        """The paths of both files, as they were given."""
        path, test_path = self.paths
        return path, test_path or ""

    def leave_unread(self, names: Collection[str]) -> None:
        """Remembers these names, until it is known which kinds there are."""
        self.unread_names = names

    def read(self) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """The rows, with paths from the root on; the first time it is found what columns hold."""
        if self.tables_ahead is not None:
            tables, self.tables_ahead = self.tables_ahead, None
            return tables
        path, test_path = self.paths
        frame = read_table(path, **self.csv_options)
        test = read_table(test_path, **self.csv_options) if test_path else None
        if not self.has_looked:
            frame.attrs["notes"] = [*frame.attrs.get("notes", []), *self._look_at(frame)]
            self.has_looked = True
        return self._rooted(frame, path), self._rooted(test, test_path) if test_path else None

    def decoded_bytes(self, source: FileSource | None) -> int | None:
        """What the files in all columns become at most, for which the table is read ahead."""
        if not reads_as(self, MultimodalData):
            return None
        self.tables_ahead = self.read()
        total = 0
        for kind in self.decoded_kinds():
            if (file_bytes := kind.file_bytes) is None:
                return None
            for frame in (table for table in self.tables_ahead if table is not None):
                if {*kind.own_columns} <= {*frame.columns}:
                    total += file_bytes * int(has_cells(frame, kind.own_columns).sum())
        return total

    def _look_at(self, frame: pd.DataFrame) -> list[CleaningNote]:
        """Makes the kinds of inputs that the columns hold; a note on each that was found.

        Raises: DataError for columns that are not there, or that none can take.
        """
        columns, of_table, notes = self._columns_by_kind(frame)
        for name, make in self.classes.items():
            kind_class = kind_of(make)
            own: Any = of_table
            if not kind_class.takes_rest:
                own = columns[name] if kind_class.most_columns > 1 else "".join(columns[name][:1])
                if not own:
                    continue
                self._refuse_too_many(kind_class, columns[name])
            kind = make(**{kind_class.column_argument: own})
            if kind_class.takes_rest:
                others = [*self._no_inputs(), *(c for taken in columns.values() for c in taken)]
                if not kind.holds_any(frame, others):
                    continue
            else:
                kind.absence = self.absent
            kind.node = f"dataset.inputs.{name}"
            if kind.name in self.unread_names:
                self.unread_inputs = [*self.unread_inputs, kind]
            else:
                self.inputs.append(kind)
        self._refuse_lack(frame)
        if presence := presence_of(self.inputs):
            self.inputs.append(presence)
        return notes

    def _columns_by_kind(
        self, frame: pd.DataFrame
    ) -> tuple[dict[str, list[str]], dict[str, str], list[CleaningNote]]:
        """The columns of each kind in `inputs`, what is said of a table's, and what was found."""
        columns: dict[str, list[str]] = {name: [] for name in self.classes}
        of_table, notes, no_inputs = {}, [], self._no_inputs()
        for column, kind in self.columns.items():
            if column not in frame.columns:
                hint = suggestion(column, frame.columns)
                raise DataError(f"dataset.columns.{column}: no such column{hint}")
            if kind not in self.classes and kind not in COLUMN_KINDS:
                hint = suggestion(str(kind), [*self.classes, *COLUMN_KINDS])
                raise DataError(f"dataset.columns.{column}: {kind!r} is no kind of column{hint}")
            if kind in COLUMN_KINDS:
                of_table[column] = kind
        for column in frame.columns:
            told = self.columns.get(column)
            if column in no_inputs or column in of_table:
                continue
            cells = frame[column].dropna()
            found = told or next(
                (n for n, make in self.classes.items() if kind_of(make).suits(cells, self.rule)),
                None,
            )
            if found is None or kind_of(self.classes[found]).takes_rest:
                continue
            columns[found].append(column)
            if told is None:
                remark = f"holds {kind_of(self.classes[found]).plural}, by its looks"
                notes.append(CleaningNote(remark, len(cells), f"column {column}"))
        return columns, of_table, notes

    def _no_inputs(self) -> list[str]:
        """The columns that are no inputs, whatever they hold."""
        return [*self._excluded_columns()]

    def _refuse_too_many(self, kind: type[InputKind], columns: list[str]) -> None:
        if len(columns) > kind.most_columns:
            names, last = ", ".join(columns), columns[-1]
            raise DataError(
                f"{self.paths[0]}: columns {names} hold {kind.plural}, and {kind.most_columns} at "
                f"most can be used; dataset.columns.{last}=ignore leaves one out"
            )

    def _refuse_lack(self, frame: pd.DataFrame) -> None:
        """Raises: DataError where nothing is found of a kind that is to be used, or of any."""
        kinds = {kind.name: kind for kind in (*self.inputs, *self.unread_inputs)}
        wanted = [] if isinstance(self.use, str) else self.use
        lacking = [name for name in wanted if name not in kinds]
        words = {kind_of(make).name: kind_of(make).plural for make in self.classes.values()}
        held = " and ".join(kind.plural for kind in kinds.values()) or "nothing"
        if lacking:
            raise DataError(
                f"dataset.use: {self.paths[0]} holds no {words[lacking[0]]}, but {held}; "
                f"dataset.columns.NAME={lacking[0]} says which column does"
            )
        if not kinds:
            raise DataError(f"{self.paths[0]}: no column is left to learn from")

    def _rooted(self, frame: pd.DataFrame | None, path: str | None) -> Any:
        """The rows whose columns of paths start from the root.

        Raises: DataError without a root, or for a path that leads out of it.
        """
        kinds = [kind for kind in (*self.inputs, *self.unread_inputs) if kind.file_endings]
        if frame is None or path is None or not kinds:
            return frame
        names = [name for kind in kinds for name in kind.own_columns if name in frame]
        return rooted_paths(frame, names, self.root, path)


Multimodal = MultimodalData  # its name in configs, and so in the ids of runs
