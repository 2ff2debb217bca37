"""Columns of texts read many at once are what they are one by one, and what Python counts."""

from collections import Counter

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from lepton.dataset.clean.cell_parsing import DATE_PATTERN, NUMBER_PATTERN
from lepton.dataset.clean.cell_texts import distinct_texts, text_cells
from lepton.dataset.clean.file_parts import ONE_FILE
from lepton.dataset.clean.parsed_columns import ParsedColumns
from lepton.dataset.clean.text_columns import TextColumn, distinct_columns, text_columns
from lepton.dataset.read.raw_table import ArrowTable, FrameTable

CELLS = {
    "words": ["red", " red", "green ", None, "", "blue", "red"],
    "numbers": ["1.0", "1", "2.5", None, "-3.0", "007", "1"],
    "days": ["2024-01-31", None, None, "2024-01-31", "2023-12-01", " 2023-12-01", ""],
    "nothing": [None, "", " ", None, None, None, None],
}


def arrow_table(kind=pa.string()):  # noqa: B008
    table = pa.table({name: pa.array(cells, kind) for name, cells in CELLS.items()})
    return ArrowTable(pa.concat_tables([table.slice(0, 3), table.slice(3)]), [])


@pytest.mark.parametrize("names", [list(CELLS), ["days"], ["nothing", "words"]])
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_distinct_texts_of_many_columns_are_those_of_each(names, kind):
    table = arrow_table(kind)
    columns = distinct_columns(table, names)
    assert list(columns) == names
    for name, (codes, texts) in columns.items():
        own_codes, own_texts = distinct_texts(table[name])
        np.testing.assert_array_equal(codes, own_codes)
        assert texts.to_pylist() == own_texts.to_pylist()


def test_columns_of_other_types_are_left_to_be_read_one_by_one():
    typed = pa.table({"n": [1, 2], "t": ["a", "b"], "u": ["c", "d"]})
    assert list(text_columns(ArrowTable(typed, []), ["n", "t", "u"])) == ["t", "u"]
    assert not text_columns(FrameTable(pd.DataFrame({"t": ["a", "b"]})), ["t"])


@pytest.mark.parametrize("name", CELLS)
def test_a_column_among_others_counts_and_matches_its_own_cells_alone(name):
    table = arrow_table()
    cells = [text for text in text_cells(table[name]).to_pylist() if text is not None]
    for column in (text_columns(table, list(CELLS))[name], TextColumn.of(table[name])):
        texts = column.texts.to_pylist()
        assert dict(zip(texts, column.counts.tolist(), strict=True)) == Counter(cells)
        assert (column.present, column.cells().to_pylist()) == (len(cells), cells)
        assert column.all_match(DATE_PATTERN) == (name == "days")
        assert column.matching(NUMBER_PATTERN).tolist() == [name == "numbers"] * len(texts)
        if cells:
            assert column.first_texts(2).to_pylist() == list(dict.fromkeys(cells[:2]))


TYPED = {
    "words": CELLS["words"],
    "answer": ["Yes", "no", "y", None, "NO", "maybe", "t"],
    "days": ["2024-01-31", None, None, "2024-01-31", "2023-12-01", "2023-12-01", None],
    "times": ["2024-01-31 10:30", "31.12.2023", None, "", "2023-12-01", "2024/1/5", None],
}
KINDS = {"words": "categorical", "answer": "boolean", "days": "date", "times": "date"}


@pytest.mark.parametrize("in_arrow", [True, False])
@pytest.mark.parametrize("dates", [["days"], ["days", "times"]])
def test_columns_parsed_together_are_what_each_is_parsed_to(in_arrow, dates):
    arrow = pa.table({name: pa.array(cells) for name, cells in TYPED.items()})
    table = ArrowTable(arrow, []) if in_arrow else FrameTable(arrow.to_pandas())
    kept_rows = np.arange(7) != 3
    together, alone = (ParsedColumns(table, KINDS, kept_rows, ONE_FILE) for _ in range(2))
    days, categories = together.dates(dates), together.categories(["words", "answer"])
    for name, column in zip(dates, days.T, strict=True):
        np.testing.assert_array_equal(column, alone[name].to_numpy())
    for name, column in zip(["words", "answer"], categories, strict=True):
        assert alone[name].cat.codes.tolist() == column.positions.tolist()
        assert alone[name].cat.categories.tolist() == column.distinct.tolist()
    assert together.missing == alone.missing
