"""Columns read many at once are what they are one by one."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from lepton.dataset.clean import column_kinds
from lepton.dataset.clean.column_kinds import infer_kinds
from lepton.dataset.clean.file_parts import ONE_FILE
from lepton.dataset.clean.number_blocks import number_block, plain_numbers
from lepton.dataset.clean.parsed_columns import ParsedColumns
from lepton.dataset.read.parquet_file import ParquetTable
from lepton.dataset.read.raw_table import ArrowTable, FrameTable, JoinedTables
from lepton.preprocessing.standard import Standard

ROWS = 40
RNG = np.random.default_rng(0)
TEXTS = {
    "plain": RNG.normal(size=ROWS).round(3).astype(str),
    "negative zero": np.where(np.arange(ROWS) % 2, "-0.5", "0"),
    "code": np.array([f"00{i}" for i in range(ROWS)]),
    "one code": np.array(["-01", *RNG.integers(10, 99, ROWS - 1).astype(str)]),
    "zeros of fractions": np.array([f"00{i}.5" for i in range(ROWS)]),
    "identifier": np.arange(100, 100 + ROWS).astype(str),
    "constant": np.repeat("3", ROWS),
    "constant with gaps": np.array(["3", None] * (ROWS // 2), dtype=object),
    "nothing": np.repeat(None, ROWS),
    "gaps": np.array([None, *RNG.normal(size=ROWS - 1).astype(str)], dtype=object),
    "long": np.array([f"12345678901234567{i:02}" for i in range(ROWS)]),
    "words": np.array(["red", "green"] * (ROWS // 2)),
    "a word": np.array(["unknown", *RNG.normal(size=ROWS - 1).astype(str)]),
    "infinite": np.array(["1e400", *RNG.normal(size=ROWS - 1).astype(str)]),
    "day": np.array([f"2024-01-{1 + i % 28:02}" for i in range(ROWS)]),
    "thousands": np.array([f"{i},500" for i in range(ROWS)]),
    "yes or no": np.array(["yes", "no"] * (ROWS // 2)),
}
TYPED = {
    "float": RNG.normal(size=ROWS),
    "float32": RNG.normal(size=ROWS).astype(np.float32),
    "whole": RNG.integers(0, 9, ROWS),
    "numbered": np.arange(ROWS),
    "constant": np.repeat(2.5, ROWS),
    "gaps": np.where(np.arange(ROWS) % 3, RNG.normal(size=ROWS), np.nan),
    "nothing": np.repeat(np.nan, ROWS),
    "flag": np.arange(ROWS) % 2 == 0,
    "word": np.array(["red", "green"] * (ROWS // 2)),
}


def arrow_table(columns: dict) -> ArrowTable:
    arrays = {name: pa.array(values.tolist(), pa.string()) for name, values in columns.items()}
    chunks = [pa.table(arrays).slice(0, 15), pa.table(arrays).slice(15)]
    return ArrowTable(pa.concat_tables(chunks), [])


def tables(folder):
    path = str(folder / "typed.parquet")
    parquet.write_table(pa.table(TYPED), path)
    return {
        "texts": arrow_table(TEXTS),
        "parquet": ParquetTable(path),
        "frame": FrameTable(pd.DataFrame(TYPED)),
        "joined": JoinedTables(arrow_table(TEXTS), arrow_table(TEXTS)),
    }


@pytest.mark.parametrize("name", ["texts", "parquet", "frame", "joined"])
def test_kinds_and_notes_are_those_of_each_column_by_itself(name, tmp_path, monkeypatch):
    table = tables(tmp_path)[name]
    together = infer_kinds(table, {}, min_identifier_values=10)
    monkeypatch.setattr(column_kinds, "plain_numbers", lambda table, names: [])
    monkeypatch.setattr(column_kinds, "text_columns", lambda table, names: {})
    alone = infer_kinds(table, {}, min_identifier_values=10)
    assert list(together[0].items()) == list(alone[0].items())
    assert together[1] == alone[1]


def test_plain_numbers_are_found_among_all_others(tmp_path):
    found = plain_numbers(arrow_table(TEXTS), list(TEXTS))
    assert found == ["plain", "negative zero", "gaps"]
    assert plain_numbers(tables(tmp_path)["parquet"], list(TYPED)) == [
        *("float", "float32", "whole", "gaps")
    ]


@pytest.mark.parametrize("name", ["texts", "parquet", "frame"])
def test_blocks_hold_what_each_column_is_parsed_to(name, tmp_path):
    table = tables(tmp_path)[name]
    names = plain_numbers(table, list(table.columns))
    block = number_block(table, names)
    columns = ParsedColumns(table, dict.fromkeys(names, "numeric"), np.ones(ROWS, bool), ONE_FILE)
    assert block is not None
    for i, column in enumerate(names):
        np.testing.assert_array_equal(block[:, i], columns[column].to_numpy())


@pytest.mark.parametrize("name", ["texts", "parquet", "frame"])
def test_scaled_numbers_are_those_of_a_frame_of_parsed_columns(name, tmp_path):
    table, rows = tables(tmp_path)[name], np.arange(0, ROWS, 2)
    kinds = dict.fromkeys(plain_numbers(table, list(table.columns)), "numeric")
    columns = ParsedColumns(table, kinds, np.arange(ROWS) > 0, ONE_FILE)
    frame = pd.DataFrame({column: columns[column] for column in kinds})
    missing = dict(columns.missing)
    settings = {"impute": "median", "indicator": True, "rare": 1, "seed": 0}
    expected = Standard(**settings).fit(frame, kinds, rows).transform(frame)
    fitted = Standard(**settings).fit(columns, kinds, rows)
    assert (fitted.transform(columns)[0] == expected[0]).all()
    assert columns.missing == missing
