"""A study keeps a table once, whole, under a name that tells its content."""

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

from lepton.in_memory.given_rows import read_rows
from lepton.in_memory.kept_tables import content_digest, forget, keep, kept_path

FRAME = pd.DataFrame({"x": [1.0, None, 3.0], "word": ["a", None, "bc"], "yes": [True, False, True]})


def test_how_a_table_lies_in_memory_does_not_change_its_digest():
    table = read_rows(FRAME).table
    doubled = pa.concat_tables([table, table])
    digests = {
        content_digest(other)
        for other in (
            table,
            doubled.slice(3),
            doubled.slice(0, 3),
            read_rows(pl.DataFrame(FRAME)).table,
        )
    }
    assert digests == {content_digest(table)}


@pytest.mark.parametrize(
    "change",
    [{"x": [1.0, 3.0, None]}, {"x": [1, 0, 3]}, {"word": ["a", "", "bc"]}, {"yes": [1, 0, 1]}],
)
def test_another_cell_type_or_name_is_another_digest(change):
    table = read_rows(FRAME).table
    assert content_digest(read_rows(FRAME.assign(**change)).table) != content_digest(table)
    assert content_digest(table.rename_columns(["x", "word", "no"])) != content_digest(table)


def test_a_table_is_written_once_and_anew_where_it_was_damaged(here):
    table = read_rows(FRAME).table
    path = kept_path(table, here / "runs" / "first")
    assert keep(table, path)
    written = path.stat().st_mtime_ns
    assert not keep(table, path)
    assert path.stat().st_mtime_ns == written
    assert parquet.read_table(path).equals(table)
    path.write_bytes(path.read_bytes()[:-9])
    assert not keep(table, path)
    assert parquet.read_table(path).equals(table)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_what_is_forgotten_leaves_no_empty_folder(here):
    table = read_rows(FRAME).table
    path = kept_path(table, here / "runs" / "first")
    keep(table, path)
    forget(path)
    assert not [*here.iterdir()]
