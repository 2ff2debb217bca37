import datetime
import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from lepton.dataset.clean.column_kinds import infer_kinds, parse_columns
from lepton.dataset.read.parquet_file import read_parquet
from lepton.errors import DataError


def test_native_columns_get_their_kinds_and_keep_their_values(tmp_path):
    day = datetime.date(2024, 12, 31)
    table = pa.table(
        {
            "whole": pa.array([1, None, 3]),
            "single": pa.array([0.5, 1.5, 0.5], pa.float32()),
            "flag": pa.array([True, None, False]),
            "word": pa.array(["x", None, "y"]),
            "code": pa.array(["x", "y", "x"]).dictionary_encode(),
            "day": pa.array([day, None, day - datetime.timedelta(1)]),
            "moment": pa.array([0, None, 10**6], pa.timestamp("us", tz="UTC")),
            "price": pa.array([decimal.Decimal("1.50"), None, decimal.Decimal("2.25")]),
        }
    )
    parquet.write_table(table, tmp_path / "t.parquet")
    frame = read_parquet(str(tmp_path / "t.parquet"))
    kinds, _ = infer_kinds(frame, {}, min_identifier_values=20)
    parsed = parse_columns(frame, kinds)
    assert list(kinds.values()) == [
        *("numeric", "numeric", "boolean", "categorical", "categorical", "date", "date", "numeric")
    ]
    assert parsed["whole"].tolist()[::2] == [1.0, 3.0]
    assert parsed["flag"].tolist()[::2] == ["true", "false"]
    assert parsed["day"][0] == pd.Timestamp("2024-12-31")
    assert parsed["moment"][2] == pd.Timestamp("1970-01-01 00:00:01")
    assert parsed["price"].tolist()[::2] == [1.5, 2.25]
    without = parsed.columns.drop(["single", "code"])
    assert parsed.loc[1, without].isna().all()


def test_an_unnamed_index_that_pandas_stored_is_left_out(tmp_path):
    frame = pd.DataFrame({"a": [1, 2]}, index=[5, 9])
    frame.to_parquet(tmp_path / "t.parquet")
    assert list(read_parquet(str(tmp_path / "t.parquet"))) == ["a"]


def test_a_test_file_is_read_beside(open_dataset, tmp_path):
    for name, rows in (("a", 4), ("b", 2)):
        frame = pd.DataFrame({"x": np.arange(rows), "y": np.arange(rows) % 2})
        frame.to_parquet(tmp_path / name)
    paths = {"path": str(tmp_path / "a"), "test_path": str(tmp_path / "b")}
    train, test = open_dataset("parquet", target="y", **paths).read()
    assert (len(train), len(test)) == (4, 2)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array([[1], [2]]), "column 'bad': list"),
        (pa.array([{"x": 1}, {"x": 2}]), "column 'bad': struct"),
        (pa.array([b"1", b"2"]), "column 'bad': binary"),
        (pa.array([1, 2], pa.duration("s")), "column 'bad': duration"),
        (pa.array([], pa.int64()), "no rows"),
    ],
)
def test_a_column_that_is_not_one_value_per_row_is_refused(column, message, tmp_path):
    parquet.write_table(pa.table({"bad": column}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"t\.parquet") as e:
        read_parquet(str(tmp_path / "t.parquet"))
    assert message in str(e.value)


def test_what_is_no_parquet_file_is_refused(tmp_path):
    (tmp_path / "t.parquet").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"t\.parquet: not a whole Parquet file"):
        read_parquet(str(tmp_path / "t.parquet"))
    with pytest.raises(DataError, match="a folder, not a file"):
        read_parquet(str(tmp_path))
    with pytest.raises(DataError, match="no such file"):
        read_parquet(str(tmp_path / "none.parquet"))


def test_a_file_cut_short_is_refused(tmp_path):
    pd.DataFrame({"a": range(100)}).to_parquet(tmp_path / "t.parquet")
    content = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(content[:-20])
    with pytest.raises(DataError, match="not a whole Parquet file"):
        read_parquet(str(tmp_path / "t.parquet"))


def test_a_text_that_is_not_utf8_is_told_with_its_place(tmp_path):
    bad = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.array([0, 1, 2], pa.int32()).buffers()[1], pa.py_buffer(b"a\xff")]
    )
    parquet.write_table(pa.table({"text": bad}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"t\.parquet: .* UTF8 sequence at string index 1"):
        read_parquet(str(tmp_path / "t.parquet"))
