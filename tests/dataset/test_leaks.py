"""Rows, groups and times that stand on both sides of a split are counted and said."""

import os
import random
import shutil

import pandas as pd
import pytest

from lepton.config.identity import run_id
from lepton.errors import DataError
from tests.dataset.quick_data import csv_data, text_data


def rows(count=60, seed=0):
    rng = random.Random(seed)
    return [f"{rng.gauss(0, 1)},{rng.choice('abc')},{rng.randint(0, 1)}" for _ in range(count)]


def write(path, lines, header="x,c,y"):
    path.write_text("\n".join([header, *lines]) + "\n")
    return str(path)


def notes(data):
    data.setup()
    return [str(note) for note in data.notes]


def inputs(data, split):
    tensors = data.splits[split]
    values = pd.DataFrame(tensors["num"].numpy()).assign(c=tensors["cat"].numpy()[:, 0])
    return set(values.itertuples(index=False, name=None))


def test_rows_of_train_in_val_or_test_are_counted_in_one_line_and_kept(tmp_path):
    data = csv_data(path=write(tmp_path / "d.csv", rows() * 3))
    (line,) = [note for note in notes(data) if "equal inputs" in note]
    held_out = inputs(data, "val") | inputs(data, "test")
    train = pd.DataFrame(data.splits["train"]["num"].numpy())[0]
    others = {value[0] for value in held_out}
    count, total = int(train.isin(others).sum()), len(train)
    assert f"{count} of {total} in train are in val or test" in line
    assert "dataset.duplicates=drop drops them" in line


def test_dropped_rows_leave_no_inputs_of_a_later_split_in_an_earlier_one(tmp_path):
    data = csv_data(path=write(tmp_path / "d.csv", rows(100) * 2), duplicates="drop")
    said = notes(data)
    assert any(
        "the train split: rows whose inputs are in val or test too, dropped" in n for n in said
    )
    train, val, test = (inputs(data, split) for split in ("train", "val", "test"))
    assert not train & (val | test)
    assert not val & test


def test_rows_that_all_differ_are_not_spoken_of(tmp_path):
    assert not [n for n in notes(csv_data(path=write(tmp_path / "d.csv", rows()))) if "equal" in n]


def test_a_column_without_meaning_does_not_hide_equal_rows(tmp_path):
    lines = [f"{i},{row}" for i, row in enumerate(rows() * 3)]
    data = csv_data(path=write(tmp_path / "d.csv", lines, "number,x,c,y"))
    assert any("equal inputs" in note for note in notes(data))


def test_the_key_that_all_equal_rows_share_is_named(tmp_path):
    lines = [f"p{i},{row}" for i, row in enumerate(rows())] * 3
    said = notes(csv_data(path=write(tmp_path / "d.csv", lines, "patient,x,c,y")))
    assert any(note.startswith("column patient: the same in all rows of equal") for note in said)


def test_equal_inputs_with_the_default_leave_the_id_as_it_was():
    node = {"_target_": "lepton.dataset.wine.Wine"}
    config = {
        "dataset": node,
        "model": {"_target_": "lepton.model.mlp.MLP"},
        "seed": 0,
        "revisions": {},
    }
    ids = [run_id({**config, "dataset": {**node, **more}}) for more in ({}, {"duplicates": "keep"})]
    assert ids[0] == ids[1]
    assert ids[0] != run_id({**config, "dataset": {**node, "duplicates": "drop"}})


def same(path, other, how):
    {"copy": shutil.copy, "link": os.symlink, "hard link": os.link}[how](path, other)


@pytest.mark.parametrize("how", ["copy", "link", "hard link"])
@pytest.mark.parametrize("kind", ["table", "text"])
def test_a_test_file_that_is_the_data_file_is_refused(tmp_path, how, kind):
    path = write(tmp_path / "d.csv", [f"word{row}" for row in rows()], "text,c,y")
    same(path, tmp_path / "t.csv", how)
    make = csv_data if kind == "table" else text_data
    with pytest.raises(DataError, match=r"t.csv is .*d.csv"):
        make(path=path, test_path=str(tmp_path / "t.csv")).setup()
    with pytest.raises(DataError, match=r"is dataset\.path"):
        make(path=path, test_path=path).setup()


@pytest.mark.parametrize("kind", ["table", "text"])
def test_a_test_file_of_the_same_rows_in_another_order_is_refused(tmp_path, kind):
    lines = [f"word{row}" for row in rows()]
    path = write(tmp_path / "d.csv", lines, "text,c,y")
    test_path = write(tmp_path / "t.csv", lines[::-1], "text,c,y")
    make = csv_data if kind == "table" else text_data
    more = {"duplicates": "keep"}
    if kind == "table":
        more["columns"] = {"text": "categorical"}
    with pytest.raises(DataError, match=r"t.csv holds the 60 rows of .*d.csv"):
        make(path=path, test_path=test_path, **more).setup()


def test_rows_of_the_test_file_in_the_data_file_are_counted(tmp_path):
    lines = rows(80)
    path = write(tmp_path / "d.csv", lines)
    test_path = write(tmp_path / "t.csv", lines[:20] + rows(20, seed=1))
    said = notes(csv_data(path=path, test_path=test_path))
    assert any("of" in note and "equal inputs" in note for note in said)


def test_groups_in_both_files_are_counted(tmp_path):
    path = write(
        tmp_path / "d.csv", [f"p{i % 20},{row}" for i, row in enumerate(rows(200))], "g,x,c,y"
    )
    others = [f"p{i % 25 + 5},{row}" for i, row in enumerate(rows(50, seed=1))]
    test_path = write(tmp_path / "t.csv", others, "g,x,c,y")
    said = notes(csv_data(path=path, test_path=test_path, split="group", split_column="g"))
    assert any("rows of 15 of its 25 groups by g" in note and "(30)" in note for note in said)


def test_test_rows_that_are_not_later_than_the_data_file_are_counted(tmp_path):
    days = [f"2024-03-{i % 28 + 1:02}" for i in range(84)]
    path = write(
        tmp_path / "d.csv", [f"{d},{r}" for d, r in zip(days, rows(84), strict=True)], "t,x,c,y"
    )
    others = [f"2024-0{3 + i % 2}-20,{row}" for i, row in enumerate(rows(30, seed=1))]
    test_path = write(tmp_path / "t.csv", others, "t,x,c,y")
    said = notes(csv_data(path=path, test_path=test_path, split="time", split_column="t"))
    assert any(
        "not later than the data file's last t (2024-03-28" in n and "(15)" in n for n in said
    )
