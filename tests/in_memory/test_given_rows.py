"""Rows of several libraries are the same table; targets, splits and groups stand beside them."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from datasets import ClassLabel, Dataset
from PIL import Image
from scipy import sparse

from lepton.errors import DataError
from lepton.in_memory.given_rows import gather, read_rows

COLUMNS = {"age": [20, 30, 41], "income": [1.5, None, 2.5], "city": ["Bern", None, "Ulm"]}
TYPES = {"age": pa.int64(), "income": pa.float64(), "city": pa.string()}


class OnlyProtocol:
    """A frame that speaks the interchange protocol and nothing else."""

    def __init__(self, frame):
        self.frame = frame

    def __dataframe__(self, **options):
        return self.frame.__dataframe__(**options)


def together(data, *, target=None, y=None, val=None, test=None, groups=None, weights=None):
    given = {"target": target, "y": y, "val": val, "test": test, "groups": groups}
    return gather(data, **given, weights=weights)


@pytest.mark.parametrize(
    "make", [pd.DataFrame, pl.DataFrame, pa.table, dict, Dataset.from_dict, pd.DataFrame.to_dict]
)
def test_frames_of_all_libraries_are_one_table(make):
    records = make is pd.DataFrame.to_dict
    data = make(pd.DataFrame(COLUMNS), "records") if records else make(COLUMNS)
    table = read_rows(data).table
    assert table.to_pydict() == COLUMNS
    assert table.schema == pa.schema([*TYPES.items()])


def test_the_interchange_protocol_is_enough():
    frame = pa.table({"age": [20, 30, 41], "income": [1.5, 2.0, 2.5]})
    assert read_rows(OnlyProtocol(frame)).table.equals(frame)


def test_an_array_has_columns_by_number_whether_dense_sparse_or_in_lists():
    array = np.array([[0.0, 1.5], [2.0, 0.0]])
    for data in (array, sparse.csr_array(array), array.tolist()):
        assert read_rows(data).table.to_pydict() == {"x0": [0.0, 2.0], "x1": [1.5, 0.0]}


def test_types_of_pandas_and_polars_are_those_of_files():
    frame = pd.DataFrame(
        {
            "grade": pd.Categorical([3, 1, None]),
            "count": pd.array([1, None, 3], dtype="Int64"),
            "known": pd.array([True, None, False], dtype="boolean"),
            "day": pd.to_datetime(["2020-01-01", None, "2021-05-06"]),
            7: [1, 2, 3],
        },
        index=[5, 5, 9],
    )
    cells = read_rows(frame).table.to_pydict()
    assert cells["grade"] == ["3", "1", None]
    assert cells["count"] == [1, None, 3]
    assert cells["known"] == [True, None, False]
    assert cells["day"] == [pd.Timestamp("2020-01-01"), None, pd.Timestamp("2021-05-06")]
    assert cells["7"] == [1, 2, 3]
    polar = pl.DataFrame({"grade": ["a", None, "b"], "day": [date(2020, 1, 1), None, None]})
    table = read_rows(polar.with_columns(pl.col("grade").cast(pl.Categorical))).table
    assert pa.types.is_dictionary(table.schema.field("grade").type)
    assert table.to_pydict() == polar.to_dict(as_series=False)


def test_classes_of_a_hugging_face_set_have_their_names_in_its_own_order():
    rows = Dataset.from_dict({"label": [0, 1, -1, 1], "x": [0, 1, 2, 3]})
    rows = rows.cast_column("label", ClassLabel(names=["no", "yes"])).select([3, 2, 0])
    assert read_rows(rows).table.to_pydict() == {"label": ["yes", None, "no"], "x": [3, 2, 0]}


def test_pictures_are_kept_without_loss():
    pixels = np.random.default_rng(0).integers(0, 256, (4, 5, 3), np.uint8)
    for data in (
        [Image.fromarray(pixels)],
        Dataset.from_dict({"image": [Image.fromarray(pixels)]}),
    ):
        rows = read_rows(data)
        (cell,) = rows.table["image"].to_pylist()
        assert rows.dataset == "image_folder"
        assert (np.asarray(Image.open(pa.BufferReader(cell))) == pixels).all()


def test_paths_start_from_the_folder_that_they_share(here):
    for name in ("photos/a/1.png", "photos/b/2.png"):
        (here / name).parent.mkdir(parents=True)
        (here / name).touch()
    rows = read_rows([here / "photos" / "a" / "1.png", here / "photos" / "b" / "2.png"])
    assert rows.table.to_pydict() == {"image": ["a/1.png", "b/2.png"]}
    assert rows.settings["dataset.root"] == "photos"


def test_a_target_apart_stands_beside_the_inputs_under_a_free_name():
    frame = pd.DataFrame({"target": [1, 2]}, index=[8, 9])
    given = together(frame, y=pd.Series([5, 6]))
    assert given.rows.table.to_pydict() == {"target": [1, 2], "target_": [5, 6]}
    assert given.settings["dataset.target"] == "target_"
    given = together(frame, y=pl.Series("late", [True, False]))
    assert given.rows.table.to_pydict() == {"target": [1, 2], "late": [True, False]}
    given = together(frame, y=np.array([[0, 1], [1, 1]]))
    assert given.settings["dataset.target"] == ["target0", "target1"]


def test_rows_of_val_and_test_are_marked_in_a_column():
    frame = pd.DataFrame({"x": [1, 2, 3, 4], "y": [0, 1, 0, 1], "split": [9, 9, 9, 9]})
    given = together(frame[:2], target="y", val=frame[2:3], test=frame[3:])
    assert given.rows.table["split_"].to_pylist() == ["train", "train", "val", "test"]
    assert given.rows.table["x"].to_pylist() == [1, 2, 3, 4]
    assert given.settings["dataset.split_column"] == "split_"
    given = together(frame[:2], target="y", test=frame[["y", "x", "split"]][2:])
    assert given.test is not None
    assert given.test["x"].to_pylist() == [3, 4]


def test_weights_are_of_training_rows_and_empty_for_others():
    given = together(COLUMNS, target="age", weights=[1, 2, 0.5], val=COLUMNS, test=COLUMNS)
    assert given.settings["dataset.weight"] == "weight"
    column = given.rows.table["weight"].to_pylist()
    assert column == [1, 2, 0.5, *[None] * 6]
    given = together(COLUMNS, target="age", weights="income", test={"age": [3], "city": ["Ulm"]})
    assert given.settings["dataset.weight"] == "income"
    assert given.test is not None
    assert given.test["income"].to_pylist() == [None]


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"data": 3}, "int is no table; give a DataFrame, an array"),
        ({"data": []}, "no rows; give a DataFrame"),
        ({"data": pd.DataFrame({"a": []})}, "no rows"),
        ({"data": np.zeros((2, 3, 4))}, "an array of 2 x 3 x 4: give one of rows x columns"),
        ({"data": [[1, 2], [3]]}, "a list of rows of different lengths"),
        ({"data": {"a": [1, 2], "b": [1]}}, "a dict of columns: All arrays must be of the same"),
        ({"data": pd.DataFrame({"a": [1, "x"]})}, "column 'a': not values of one type"),
        ({"data": pd.DataFrame({"a": [[1], [2]]})}, "column 'a': list<.*> is not one number"),
        ({"data": pd.DataFrame([[1, 2]], columns=["a", "a"])}, "two columns are called 'a'"),
        ({"data": pd.DataFrame([[1, 2]], columns=["1", 1])}, "two columns are called '1'"),
        ({"data": None}, "NoneType is no table"),
        ({"data": "a b.csv"}, "'a b.csv' is no table; .*'dataset=csv', 'dataset.path=\"a b.csv\"'"),
        ({"data": Path("a.pq")}, r"lepton.train\('dataset=parquet', 'dataset.path=a.pq', 'data"),
        ({"data": {"a": 1}}, "column 'a': is one cell; give a list a column"),
        ({"data": pd.DataFrame({"a": [10**30]})}, "column 'a': a whole number of more than 64"),
        (
            {"data": pd.DataFrame({"a": ["\ud800"]}, dtype=object)},
            "column 'a': a text that is no U",
        ),
        ({"data": ["\ud800"]}, "a text that is no Unicode"),
        (
            {"data": pl.DataFrame({"a": pl.Series([1], dtype=pl.Int128)})},
            "cells that Arrow does no",
        ),
        ({"data": pl.DataFrame({"a": pl.Series([{1}], dtype=pl.Object)})}, "binary is not"),
        ({"target": pd.Series([1, 2, 3])}, "target: Series is no name of a column"),
        ({"y": [1, 2]}, "y of train has 2 rows, the inputs have 3"),
        ({"y": [1, 2, 3], "target": "age"}, "y and target: give one of them"),
        ({"y": [1, 2, 3], "val": COLUMNS}, r"val: with y give a pair, val=\(X, y\)"),
        ({"target": "age", "val": {"age": [3]}}, "val lacks the column 'income'"),
        ({"target": "age", "test": {"age": [3]}}, "test lacks the column 'income'"),
        ({"target": "age", "groups": "town"}, "groups='town': no such column"),
        ({"target": "age", "groups": [1]}, "groups has 1 rows, the inputs have 3"),
        ({"target": "age", "groups": "city", "val": COLUMNS}, "groups and val"),
        ({"target": "age", "weights": "town"}, "weight='town': no such column"),
        ({"target": "age", "weights": [1]}, "sample_weight has 1 rows, the inputs have 3"),
        ({"target": "age", "weights": np.ones((3, 2))}, "sample_weight: 2 dimensions"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_rows_that_do_not_fit_are_told_in_a_line(given, line):
    with pytest.raises(DataError, match=line):
        together(**{"data": COLUMNS, **given})
