"""Texts that are read as numbers without a look at each: none that the patterns would refuse."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from lepton.dataset.clean import cell_parsing


@pytest.mark.parametrize("cell", ["1", "-2.50", ".5", "3.", "1e5", "-1.5E-3", "0007", "1e-320"])
def test_plain_numbers_are_those_that_are_parsed_one_by_one(cell):
    column = pd.Series([cell, None, "4"], dtype="string[pyarrow]", name="a")
    values = cell_parsing.plain_floats(column)
    assert values is not None
    assert values[0] == float(cell)
    assert np.isnan(values[1])


@pytest.mark.parametrize(
    "cell",
    ["nan", "inf", "-Infinity", "1e999", "0x10", "1_000", "1,5", " ", "1f", "1e", "-", "\u0661"],
)
def test_what_may_be_no_number_is_left_to_the_patterns(cell):
    assert cell_parsing.plain_floats(pd.Series(["1", cell], dtype="string[pyarrow]")) is None


@pytest.mark.parametrize("first", ["2024-02-29", "1678-01-01", "2262-01-01", None])
def test_plain_days_are_the_dates_that_pandas_reads(first):
    texts = pd.Series([first, None, "2001-12-31"], dtype="string[pyarrow]", name="day")
    expected = pd.to_datetime(texts.astype(object), format="ISO8601").astype("datetime64[ns]")
    pd.testing.assert_series_equal(cell_parsing.to_dates(texts), expected)


@pytest.mark.parametrize("text", ["2023-02-29", "1677-12-31", "2262-01-02", "2024-1-1", " x"])
def test_other_texts_are_no_plain_days(text):
    assert cell_parsing.plain_days(pa.array(["2001-12-31", text])) is None
