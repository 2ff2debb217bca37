"""The base of tabular data sets: columns become tensors of numbers and category codes."""

from typing import Any, Literal

from lepton.dataset.clean.file_parts import FileParts
from lepton.dataset.clean.selection import Selection
from lepton.dataset.data import Data
from lepton.dataset.inputs.table import TableInputs
from lepton.dataset.read.raw_table import RawTable
from lepton.preprocessing.table import TablePreprocessing
from lepton.values.bounds import AtLeast0


class TabularData(Data):
    """Base of the tabular data sets; one of them only says how to `read` its table."""

    provides = ("table",)

    def __init__(
        self,
        *,
        columns: dict[str, str],
        min_identifier_values: AtLeast0,
        duplicates: Literal["drop", "keep"],
        where: str | None,
        keep: list[str] | None,
        drop: list[str] | None,
        preprocessing: TablePreprocessing,
        **rows: Any,
    ):
        super().__init__(**rows)
        self.selection = Selection(where, keep, drop)
        self.table_inputs = TableInputs(
            columns=columns,
            min_identifier_values=min_identifier_values,
            duplicates=duplicates,
            preprocessing=preprocessing,
        )
        self.inputs.append(self.table_inputs)

    def _read_files(self) -> tuple[RawTable, FileParts]:
        """The same rows; columns that are not selected are ignored from here on."""
        table, files = super()._read_files()
        ignored = self.selection.left_out(table.columns, self.columns, self._excluded_columns())
        self.columns = self.columns | dict.fromkeys(ignored, "ignore")
        return table, files

    @property
    def columns(self) -> dict[str, str]:
        """The kinds of columns that are set by hand."""
        return self.table_inputs.columns

    @columns.setter
    def columns(self, columns: dict[str, str]) -> None:
        self.table_inputs.columns = dict(columns)

    @property
    def kinds(self) -> dict[str, str]:
        """The kinds of all columns, after `setup`."""
        return self.table_inputs.kinds

    @property
    def preprocessor(self) -> TablePreprocessing:
        """The preprocessing, which `setup` fits."""
        return self.table_inputs.preprocessor
