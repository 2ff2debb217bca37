"""What was named is used or refused: a test file that cannot be scored on is never replaced."""

import pandas as pd
import pytest

from lepton.errors import DataError
from tests.dataset.quick_data import csv_data

TRAIN = "a,b,y\n" + "".join(f"{i * 7 % 40},{i % 5},{i % 2}\n" for i in range(40))
REGRESSION = "a,b,y\n" + "".join(f"{i * 7 % 40},{i % 5},{i * 1.5 + 0.25}\n" for i in range(40))


def write(tmp_path, rest):
    (tmp_path / "train.csv").write_text(TRAIN)
    (tmp_path / "test.csv").write_text(rest)
    return {"path": str(tmp_path / "train.csv"), "test_path": str(tmp_path / "test.csv")}


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ("a,b,y\n1,2,\n3,4,\n", "test.csv: no row has a value of the target y"),
        ("a,b,y\n1,2,NA\n3,4,?\n", "test.csv: no row has a value of the target y"),
        ("a,b\n1,2\n3,4\n", "test.csv lacks 'y', which .*train.csv has"),
        ("a,b,y\n1,2,-1\n3,4,-1\n", "test.csv: target y is '-1' in every row and nowhere in"),
        ("a,b,y\n1,2,-1\n3,4,\n5,6,-1\n", "test.csv: target y is '-1' in every row"),
        ("a,b,y\n", "test.csv: a header and no rows"),
        ("a,b,y\n1,2,0\n3,4,2\n", "class '2': stands in the test file"),
    ],
)
def test_a_test_file_that_cannot_be_scored_on_is_refused_by_name(tmp_path, test, message):
    with pytest.raises(DataError, match=message):
        csv_data(**write(tmp_path, test)).setup()


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_a_placeholder_is_refused_whatever_the_task(tmp_path, task):
    paths = write(tmp_path, "a,b,y\n1,2,-1\n3,4,-1\n")
    with pytest.raises(DataError, match="target y is '-1' in every row"):
        csv_data(**paths, task=task).setup()


def test_a_data_file_without_targets_is_refused_by_name_although_the_test_file_has_some(tmp_path):
    (tmp_path / "train.csv").write_text("a,b,y\n1,2,\n3,4,\n")
    (tmp_path / "test.csv").write_text(TRAIN)
    paths = {"path": str(tmp_path / "train.csv"), "test_path": str(tmp_path / "test.csv")}
    with pytest.raises(DataError, match=r"train.csv: no row .* cannot be trained on"):
        csv_data(**paths).setup()


def test_a_test_file_of_one_class_is_used_with_a_word(tmp_path):
    data = csv_data(**write(tmp_path, "a,b,y\n1,2,1\n3,4,1\n"))
    data.setup()
    assert data.splits["test"]["target"].tolist() == [1, 1]
    assert "class '0' is absent from test" in [note.what for note in data.notes]


def test_cleaning_is_counted_by_file(tmp_path):
    train = TRAIN + "NA,1,0\n,2,\n"
    paths = write(tmp_path, "a,b,y\nNA,2,0\nNA,2,1\n3,4,\n5,,1\n")
    (tmp_path / "train.csv").write_text(train)
    data = csv_data(**paths)
    data.setup()
    notes = {(note.where, note.what): note.count for note in data.notes}
    first, second = paths["path"], paths["test_path"]
    assert notes[f"{first}, column a", "'NA' read as missing"] == 1
    assert notes[f"{second}, column a", "'NA' read as missing"] == 2
    assert notes[f"{first}, target y", "missing target, row dropped"] == 1
    assert notes[f"{second}, target y", "missing target, row dropped"] == 1
    assert notes[f"{first}, column a", "missing values filled with the median"] == 1
    assert notes[f"{second}, column a", "missing values filled with the median"] == 2
    assert notes[f"{second}, column b", "missing values filled with the median"] == 1
    assert (f"{first}, column b", "missing values filled with the median") not in notes


def test_the_labels_minus_one_of_a_huggingface_test_split_are_no_rows_of_train():
    frame = pd.DataFrame({"a": range(40), "b": [1, 2, 3, 4] * 10, "y": ["u", "v"] * 20})
    test = frame.assign(y=None)
    with pytest.raises(DataError, match="the test file: no row has a value of the target y"):
        csv_data(frames=(frame, test)).setup()


def test_files_that_the_system_makes_when_they_are_read_are_refused():
    for path in ("/proc/cpuinfo", "/proc/self/mem", "/sys/class/net/lo/mtu"):
        with pytest.raises(DataError, match=rf"^{path}: the system makes it anew whenever it is"):
            csv_data(path=path, test_path=None).setup()
