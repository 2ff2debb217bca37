"""ShownInputs: the part of a kind of inputs by which a person sees them, and what they did."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from lepton.dataset.inputs.explained import Explained
from lepton.dataset.inputs.measured import MeasuredColumn, kind_of_values, some_rows
from lepton.dataset.read.raw_table import RawTable
from lepton.spec import DataSpec

Rows = dict[str, Any]  # as in `kind`


class ShownInputs:
    """Base of InputKind: raw rows as texts, numbers and media; and what moved a network's output.

    `lepton show` and the report call the first, `lepton explain` the others.
    """

    cell_length = 40  # characters of an input that the report shows
    own_columns: tuple[str, ...] = ()  # that it takes by name, and no other kind takes

    def shown(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Raw rows as a person sees them: a column an input, of texts, numbers or Media."""
        return rows[[*self.own_columns]]

    def shown_tensors(self, row: Rows, spec: DataSpec) -> dict[str, Any]:
        """A row of a batch as a person sees it: texts, numbers, lists of words or Media by name.

        Shapes: those of a batch without its first dimension.
        """
        return {}

    def slice_columns(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Columns by which errors are told apart, of raw rows."""
        return rows[[]]

    def measured(
        self, table: RawTable, names: list[str], rows: np.ndarray
    ) -> Iterator[MeasuredColumn]:
        """Yields what tells of the inputs of these rows, for a profile of the data.

        `names` are the columns that are no target and no other kind's. Unless a kind says more,
        those by which errors are told apart.
        Shapes: rows (n,), positions in the table.
        """
        for name, values in self.slice_columns(some_rows(table, names, rows)).items():
            yield MeasuredColumn(str(name), kind_of_values(values), values, is_input=False)

    def in_parts(self, batch: Rows) -> Rows:
        """The batch of a row with its inputs in the form whose parts a person can see."""
        return batch

    def neutral(self, batch: Rows, spec: DataSpec) -> Rows:
        """Tensors that say nothing in place of the batch's, from which an output is explained."""
        raise NotImplementedError(f"{type(self).__name__} has no neutral input to explain from")

    def explained(
        self, raw: pd.DataFrame, batch: Rows, spec: DataSpec, attributed: dict[str, Any]
    ) -> Explained:
        """What was attributed to a row, in parts that a person knows.

        `attributed`: for each tensor the arrays of the places where it enters the network, their
        first dimension the tensor's second; or what a network made of that.
        Raises: LeptonError for arrays that cannot be told apart by parts.
        """
        raise NotImplementedError(f"{type(self).__name__} tells no parts of its inputs")
