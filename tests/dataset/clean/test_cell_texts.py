import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from lepton.dataset.clean.cell_parsing import cells_to_floats, to_booleans, to_text
from lepton.dataset.clean.cell_texts import distinct_texts, text_cells
from lepton.dataset.clean.column_kinds import COMPACT_PARSERS, PARSERS

COLUMNS = {
    "objects": ["a", " b ", None, np.nan, "", "1.0", "a", "Yes", "yes"],
    "mixed objects": ["a", 1, 1.0, True, None, 2.5, "1"],
    "floats": [1.0, 0.1, np.nan, -0.0, 1e20, 1.0],
    "whole numbers": [3, 1, 3, 2],
    "booleans": [True, False, True],
    "dates": pd.to_datetime(["2024-01-31", None, "2024-01-31"]),
    "nothing": [None, None],
}


def columns_of(name):
    """A column of these values, in every type of pandas that holds them."""
    series = pd.Series(COLUMNS[name], name="x")
    kinds = {"floats": ["float32", "Float64"], "objects": ["category", "str", "string"]}
    types = kinds.get(name, ["category"] if name == "whole numbers" else [])
    return [series, *(series.astype(dtype) for dtype in types)]


def slow_text(value):
    """A cell as text, by the words of the docstring."""
    if pd.isna(value) or not (text := str(value).strip()):
        return None
    whole = text.removesuffix(".0")
    plain = whole.lstrip("-")
    is_whole = text != whole and plain.isdigit() and (plain == "0" or plain[0] != "0")
    return whole if is_whole else text


@pytest.mark.parametrize("name", COLUMNS)
def test_cells_are_the_texts_that_python_writes(name):
    for column in columns_of(name):
        expected = [slow_text(value) for value in column.to_numpy(dtype=object)]
        if column.dtype == "float32":  # as the shortest text that gives the same 32 bits
            expected = [slow_text(value) for value in column.to_numpy()]
        assert text_cells(column).to_pylist() == expected
        assert to_text(column).where(lambda texts: texts.notna(), None).tolist() == expected
        codes, texts = distinct_texts(column)
        assert [None if code < 0 else texts[int(code)].as_py() for code in codes] == expected
        assert texts.to_pylist() == list(dict.fromkeys(filter(None, expected)))


@pytest.mark.parametrize("kind", ["categorical", "boolean"])
@pytest.mark.parametrize("name", COLUMNS)
def test_categories_hold_the_same_texts_as_objects(name, kind):
    for column in columns_of(name):
        compact, plain = COMPACT_PARSERS[kind](column), PARSERS[kind](column)
        pd.testing.assert_series_equal(compact.astype(object), plain)
        assert compact.cat.categories.is_unique


def test_words_for_yes_and_no_become_one_pair():
    column = pd.Series(["Yes", "no", "N", "maybe", None, "T", 1, 0.0], dtype=object)
    expected = ["true", "false", "false", "maybe", None, "true", "true", "false"]
    assert to_booleans(column).where(lambda words: words.notna(), None).tolist() == expected


def test_texts_become_the_floats_that_python_makes_of_them():
    rng = np.random.default_rng(0)
    texts = [str(x) for x in rng.normal(size=200) * 10.0 ** rng.integers(-300, 300, 200)]
    digits = [str(x) for x in rng.integers(0, 2**62, 100)]
    texts += digits + [f"{a}.{b}" for a, b in zip(digits, reversed(digits), strict=True)]
    texts += ["+1", "1.", "-.5", "1E+05", "inf", "-Infinity", "1e400", "1e-400", "5e-324", "-0"]
    expected = np.array([float(text) for text in texts])
    assert cells_to_floats(pa.array(texts)).tobytes() == expected.tobytes()
    assert np.isnan(cells_to_floats(pa.array([None, "1"]))[0])
