"""Words that may be a class, a group or a split are asked about; odd cells are named."""

import random

import pytest

from lepton.errors import DataError
from tests.dataset.quick_data import csv_data


def write(tmp_path, classes, rows=90):
    rng = random.Random(0)
    lines = [f"{rng.gauss(0, 1):.3f},{i % 9},{classes[i % len(classes)]}" for i in range(rows)]
    path = tmp_path / "d.csv"
    path.write_text("\n".join(["a,g,y", *lines]) + "\n")
    return str(path)


@pytest.mark.parametrize("word", ["None", "NA", "null"])
def test_a_class_that_is_called_as_what_is_missing_is_asked_about(tmp_path, word):
    path = write(tmp_path, [word, "Mild", "Severe"])
    with pytest.raises(DataError, match=f"target y: '{word}' \\(30 rows\\) read as missing"):
        csv_data(path=path).setup()


@pytest.mark.slow
def test_both_ways_that_the_line_names_are_ways(tmp_path):
    path = write(tmp_path, ["None", "Mild", "Severe"])
    with pytest.raises(DataError) as error:
        csv_data(path=path).setup()
    word = str(error.value).split('"dataset.missing=')[1].split('"')[0]
    kept = csv_data(path=path, missing=[text.strip("'") for text in word.strip("[]").split(",")])
    kept.setup()
    assert kept.spec.classes == ("Mild", "None", "Severe")
    dropped = csv_data(path=path, missing_target="drop")
    dropped.setup()
    assert dropped.spec.classes == ("Mild", "Severe")


def test_the_only_other_class_may_be_called_none(tmp_path):
    with pytest.raises(DataError, match=r"'None' \(45 rows\) read as missing"):
        csv_data(path=write(tmp_path, ["None", "Mild"])).setup()


@pytest.mark.parametrize("classes", [["0", "1", "NA"], ["yes", "no", "?"], ["1.5", "2.5", "None"]])
def test_what_no_class_is_called_is_missing_as_before(tmp_path, classes):
    data = csv_data(path=write(tmp_path, classes))
    data.setup()
    assert ("target y: missing target, row dropped (30)") in map(str, data.notes)


@pytest.mark.parametrize("split", ["group", "time"])
def test_words_in_the_split_column_are_named(tmp_path, split):
    path = write(tmp_path, ["p", "q"])
    text = (tmp_path / "d.csv").read_text().replace(",8,", ",NA,")
    (tmp_path / "d.csv").write_text(text)
    with pytest.raises(DataError, match=r"split_column g: 'NA' \(10 rows\) read as missing"):
        csv_data(path=path, split=split, split_column="g").setup()


def odd(tmp_path, lines, header):
    (tmp_path / "d.csv").write_text("\n".join([header, *lines]) + "\n")
    data = csv_data(path=str(tmp_path / "d.csv"))
    data.setup()
    return [str(note) for note in data.notes if note.what.startswith("cells that hold")]


def test_a_column_that_holds_each_row_once_more_is_named(tmp_path):
    rng = random.Random(0)
    rows = [f"{rng.gauss(0, 1):.4f},{rng.gauss(0, 1):.4f},{i % 2}" for i in range(60)]
    said = odd(tmp_path, [f'"{row}",{row}' for row in rows], "all,a,b,y")
    assert any("column all: cells that hold 2 commas each" in note for note in said)
    assert any("column all: cells that hold the text of target y" in note for note in said)
    assert not [note for note in said if "column a" in note.replace("column all", "")]


def test_a_column_that_holds_its_own_target_among_other_words_is_named(tmp_path):
    rng = random.Random(0)
    labels = [rng.choice(["good", "bad"]) for _ in range(60)]
    lines = [f"{rng.gauss(0, 1):.4f},note {i}: {y} client,{y}" for i, y in enumerate(labels)]
    assert "the text of target y" in odd(tmp_path, lines, "a,note,y")[0]


def test_addresses_and_sentences_with_any_labels_are_not_named(tmp_path):
    rng = random.Random(0)
    towns = ["Rome, Italy", "Bonn, Germany", "Oslo, Norway", "Lyon, France"]
    lines = [
        f'{rng.gauss(0, 1):.4f},"{rng.choice(towns)}",{i % 2} of 0 and 1,{i % 2}' for i in range(60)
    ]
    assert not odd(tmp_path, [line.replace(" of 0", " or 0") for line in lines], "a,town,text,y")
