"""Numbers as people write them are named, and read where a column is declared numeric."""

import numpy as np
import pandas as pd
import pytest

from lepton.dataset.clean.cell_parsing import to_numbers
from lepton.dataset.clean.column_kinds import infer_kinds
from lepton.errors import DataError

READ = {
    "1,234": 1234.0,
    "12,345,678.25": 12345678.25,
    "1 234": 1234.0,
    "1\u00a0234.5": 1234.5,
    "1\u202f234": 1234.0,
    "1'234'567": 1234567.0,
    "1_000": 1000.0,
    "\u22123.5": -3.5,
    "\u20137": -7.0,
    "12-": -12.0,
    "(1,234.50)": -1234.5,
    "(7)": -7.0,
    "42": 42.0,
    "-0.5": -0.5,
}
NOT_READ = [
    "1,23",
    "0,123",
    "1,2345",
    "1,234,56",
    "$5",
    "5 kg",
    "1.234,5",
    "1,234'567",
    "--5",
    "(-5)",
]


@pytest.mark.parametrize("text", READ)
def test_a_number_with_one_reading_is_read_by_itself(text):
    assert to_numbers(pd.Series([text, None]))[0] == READ[text]


def test_all_of_them_are_read_beside_each_other():
    column = pd.Series([*READ, None])
    assert to_numbers(column).to_numpy()[:-1].tolist() == [*READ.values()]
    assert np.isnan(to_numbers(column).iloc[-1])


@pytest.mark.parametrize("text", NOT_READ)
def test_what_has_several_readings_or_a_unit_is_refused(text):
    with pytest.raises(DataError, match="is not a number"):
        to_numbers(pd.Series([text]))


WRITTEN = {
    "currency": ["$1,000.50", "$3.00", "$-7"],
    "currency behind": ["10 €", "12,50 €"],
    "unit": ["12 kg", "7.5 kg"],
    "percent": ["5%", "7.5%", "100%"],
    "dotted thousands": ["1.234.567", "2.000.000"],
    "decimal commas": ["1.234,5", "17,25"],
    "codes of a currency": ["USD 5", "USD 1,200"],
}


@pytest.mark.parametrize("case", WRITTEN)
def test_currency_and_units_are_named_and_not_read(case):
    column = pd.Series(WRITTEN[case] * 3, name="x")
    kinds, (note,) = infer_kinds(pd.DataFrame({"x": column}), {}, min_identifier_values=20)
    assert kinds == {"x": "categorical"}
    assert note.what.startswith("numbers written as text")
    assert "write plain numbers" in note.what


def test_readable_numbers_are_named_with_the_key_that_reads_them():
    frame = pd.DataFrame({"x": ["1,000", "(2)", "\u22123"] * 3})
    kinds, (note,) = infer_kinds(frame, {}, min_identifier_values=20)
    assert kinds == {"x": "categorical"}
    assert "dataset.columns.x=numeric reads them" in note.what


def test_numbers_that_all_differ_are_not_called_an_identifier():
    frame = pd.DataFrame({"x": [f"{i},{i * 7 % 900 + 100}" for i in range(1, 40)]})
    kinds, (note,) = infer_kinds(frame, {}, min_identifier_values=20)
    assert kinds == {"x": "ignore"}
    assert "all different, ignored; dataset.columns.x=numeric reads them" in note.what


@pytest.mark.parametrize(
    "texts",
    [["A12", "A13"], ["5 kg", "5 lb"], ["$5", "€5"], ["red", "blue"], ["5 apples and more", "6 a"]],
)
def test_codes_words_and_mixed_units_are_no_numbers(texts):
    kinds, notes = infer_kinds(pd.DataFrame({"x": texts * 5}), {}, min_identifier_values=20)
    assert (kinds, notes) == ({"x": "categorical"}, [])
