"""The base of tabular data sets: columns become tensors of numbers and category codes."""

from typing import Any

from lepton.dataset.data import Data
from lepton.dataset.inputs.table import TableInputs
from lepton.dataset.load.streaming import FileSource, excess_of, set_up_streamed
from lepton.preprocessing.table import TablePreprocessing


class TabularData(Data):
    """Base of the tabular data sets; one of them only says how to `read` its table."""

    provides = ("table",)
    memory_gb: float | None = None  # that the rows may take, of a data set that can be streamed

    def __init__(
        self,
        *,
        columns: dict[str, str],
        min_identifier_values: int,
        preprocessing: TablePreprocessing,
        **rows: Any,
    ):
        super().__init__(**rows)
        self.table_inputs = TableInputs(
            columns=columns,
            min_identifier_values=min_identifier_values,
            preprocessing=preprocessing,
        )
        self.inputs.append(self.table_inputs)

    def source(self) -> FileSource | None:
        """The files that a data set can be streamed from; None for one that is read whole."""
        return None

    def setup(self, stage: str | None = None) -> None:
        """Reads and prepares the data, once; what exceeds its memory is streamed from the cache."""
        if self.splits:
            return
        source = self.source() if self.inputs == [self.table_inputs] else None
        if source is not None and (excess := excess_of(source.bytes, self.memory_gb)):
            folder = set_up_streamed(self, source, super().setup)
            self.streamed_from = f"{folder}: they would take {excess}"
            return
        super().setup(stage)
        size = sum(tensor.nbytes for rows in self.splits.values() for tensor in rows.values())
        if source is None and (excess := excess_of(size, self.memory_gb)):
            self.read_whole = (
                f"they take {excess}, but {type(self).__qualname__} reads or prepares them "
                "in a way of its own"
            )

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

    def changes_frames(self, base: type["TabularData"]) -> bool:
        """True for a class of the user's own that reads or prepares in another way than `base`."""
        return any(
            getattr(type(self), method) is not getattr(base, method)
            for method in ("read", "prepare", "rows_by_split")
        )
