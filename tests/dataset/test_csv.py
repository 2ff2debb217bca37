import csv
import gzip
import io
import random

import pandas as pd
import pytest
from omegaconf import OmegaConf

from lepton.config.options import CONF_DIR
from lepton.dataset.clean.column_kinds import infer_kinds, parse_columns
from lepton.dataset.read.csv_file import read_csv
from lepton.errors import DataError

CSV_OPTIONS = {
    key: value
    for key, value in OmegaConf.to_container(
        OmegaConf.load(CONF_DIR / "dataset" / "csv.yaml")
    ).items()
    if key
    not in (
        "defaults",
        "_target_",
        "path",
        "test_path",
        "target_strip",
        "memory_gb",
        "missing_target",
    )
}


def read(tmp_path, data, **options):
    file = tmp_path / "data.csv"
    file.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_csv(str(file), **CSV_OPTIONS | options)


REFUSED = {
    "short row": ("a,b,c\n1,2,3\n4,5\n", "line 3: 2 fields where 3 belong; nothing for column 'c'"),
    "long row": ("a,b\n1,2\n3,4,5\n", "line 3: 3 fields where 2 belong; '5' comes after"),
    "every row too long": ("a,b\n1,2,3\n4,5,6\n", "line 2: 3 fields where 2 belong"),
    "decimal commas": ("a;b\n1,5;2\n3;4\n", "column 'a': '1,5' has a decimal comma"),
    "decimal commas in a comma file": ("a,b\n1,5,2\n", "line 2: 3 fields where 2 belong"),
    "nul byte": ("a,b\n1,2\n3,\x00\n", "line 3: a NUL character"),
    "duplicate header": ("a,b,a\n1,2,3\n", "line 1: two columns are called 'a' (1 and 3)"),
    "header only": ("a,b\n", "a header and no rows"),
    "empty file": ("", "the file is empty"),
    "blank file": ("\n \n", "the file is empty"),
    "utf-16": ("a,b\n1,ü\n".encode("utf-16"), "set dataset.encoding=utf-16"),
    "utf-16 without a mark": ("a,b\n1,2\n".encode("utf-16-le"), "line 1: a NUL character"),
    "latin-1": ("a,b\n1,x\n2,ü\n".encode("latin-1"), "line 3, byte 3: not utf-8"),
    "open quote": ('a,b\n1,2\n3,"4\n5,6\n', "line 3: a quote opens"),
    "open quotes in pairs": ('a,b\n1,"2\n3,"4\n', "line 2: text follows a closing quote"),
    "gzip bytes": (gzip.compress(b"a,b\n1,2\n"), "gzip-compressed"),
    "excel workbook": (b"PK\x03\x04rest", "Excel workbook"),
    "one column": ("a\n1\n", "line 1 holds one field"),
    "no header": ("1,2\n3,4\n", "line 1: numbers for a header; set dataset.header=false"),
}


@pytest.mark.parametrize("name", ["foo", "base64"])
def test_what_is_no_encoding_of_texts_is_named(name, tmp_path):
    with pytest.raises(DataError, match=f"dataset.encoding: no encoding '{name}'"):
        read(tmp_path, b"a,b\n1,2\n", encoding=name)


@pytest.mark.parametrize("case", REFUSED)
def test_a_malformed_file_is_refused_with_its_name_and_place(case, tmp_path):
    data, message = REFUSED[case]
    with pytest.raises(DataError) as e:
        read(tmp_path, data)
    assert "data.csv" in str(e.value)
    assert message in str(e.value)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"separator": ""}, "separator: '';"),
        ({"separator": "ab"}, "separator: 'ab'; give one character"),
        ({"separator": "\n"}, "separator: "),
        ({"quote": "ab"}, "quote: 'ab'; give one character"),
        ({"separator": ";", "quote": ";"}, "separator, dataset.quote: both are ';'"),
    ],
)
def test_what_cannot_separate_or_quote_is_refused(options, message, tmp_path):
    with pytest.raises(DataError, match=f"^dataset.{message}"):
        read(tmp_path, "a,b\n1,2\n", **options)


@pytest.mark.parametrize("place", ["nothing", "a folder"])
def test_a_path_without_a_file_is_refused(place, tmp_path):
    path = tmp_path if place == "a folder" else tmp_path / "none.csv"
    with pytest.raises(DataError, match="folder" if place == "a folder" else "no such file"):
        read_csv(str(path), **CSV_OPTIONS)


def kinds_of(frame):
    return infer_kinds(frame, {}, min_identifier_values=20)[0]


def test_an_infinite_number_is_refused_by_row(tmp_path):
    frame = read(tmp_path, "a,b\n1,2\n1e400,3\n2,2\n")
    with pytest.raises(DataError, match="column 'a', row 2: '1e400' is not finite"):
        parse_columns(frame, kinds_of(frame))


def test_an_impossible_date_is_refused_by_row(tmp_path):
    frame = read(tmp_path, "a,b\n2024-01-01,2\n2024-13-01,3\n2024-01-01,3\n")
    with pytest.raises(DataError, match="column 'a', row 2: '2024-13-01' is not a day"):
        kinds_of(frame)


def test_a_semicolon_file_is_read_by_its_separator(tmp_path):
    assert read(tmp_path, "a;b\n1;2\n").to_dict("list") == {"a": ["1"], "b": ["2"]}


def test_a_wrong_separator_is_refused_with_the_right_one(tmp_path):
    with pytest.raises(DataError, match=r"""semicolons; set 'dataset\.separator=";"'"""):
        read(tmp_path, "a;b\n1;2\n", separator=",")


def test_decimal_commas_are_numbers_when_announced(tmp_path):
    frame = read(tmp_path, "a;b\n1,5;2\n3;x,y\n", decimal=",")
    assert frame.to_dict("list") == {"a": ["1.5", "3"], "b": ["2", "x,y"]}


def test_na_is_missing_with_a_note_unless_the_list_is_changed(tmp_path):
    data = "region,b\nNA,1\nEU,2\n,3\n"
    frame = read(tmp_path, data)
    assert frame["region"].isna().tolist() == [True, False, True]
    assert [str(n) for n in frame.attrs["notes"]] == ["column region: 'NA' read as missing (1)"]
    assert read(tmp_path, data, missing=[""])["region"].isna().tolist() == [False, False, True]


def test_mixed_types_zero_padded_codes_and_long_integers_stay_text(tmp_path):
    long = "123456789012345678901234"
    frame = read(tmp_path, f"mixed,code,long\n1,007,{long}\nx,010,{long[::-1]}\n1,007,{long}\n")
    assert set(kinds_of(frame).values()) == {"categorical"}
    assert frame["code"].tolist() == ["007", "010", "007"]
    assert frame["long"].tolist() == [long, long[::-1], long]


def test_blanks_around_headers_and_cells_are_taken_off(tmp_path):
    frame = read(tmp_path, ' a , b\n 1 , x y\n 2 , "u, v"\n')
    assert frame.to_dict("list") == {"a": ["1", "2"], "b": ["x y", "u, v"]}


def test_an_unnamed_column_gets_a_name_and_a_note(tmp_path):
    frame = read(tmp_path, ",a\n0,x\n1,y\n")
    assert list(frame) == ["column_0", "a"]
    assert "no name in the header" in str(frame.attrs["notes"][0])


def test_a_file_without_a_header_takes_given_names(tmp_path):
    data = "1,x\n2,y\n"
    assert list(read(tmp_path, data, header=False)) == ["c0", "c1"]
    frame = read(tmp_path, data, header=False, names=["n", "w"])
    assert frame.to_dict("list") == {"n": ["1", "2"], "w": ["x", "y"]}
    with pytest.raises(DataError, match=r"2 columns, but dataset\.names has 1"):
        read(tmp_path, data, header=False, names=["n"])


def test_quotes_are_ordinary_where_quoting_is_off(tmp_path):
    frame = read(tmp_path, 'a\tb\n1\t"half\n2\tx\n', quote=None)
    assert frame["b"].tolist() == ['"half', "x"]


def test_an_inch_mark_inside_a_field_is_no_quote(tmp_path):
    assert read(tmp_path, 'a,b\n1,5" pipe\n2,x\n')["b"].tolist() == ['5" pipe', "x"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends_do_not_change_the_table(encoding, newline, tmp_path):
    data = newline.join(["a,b", "1,ü", "", '2,"x', 'y"', ""]).encode(encoding)
    chosen = "utf-8" if encoding == "utf-8-sig" else encoding
    frame = read(tmp_path, data, encoding=chosen)
    assert frame["a"].tolist() == ["1", "2"]
    assert frame["b"].tolist() == ["ü", f"x{newline}y"]


@pytest.mark.parametrize("seed", range(5))
def test_what_a_writer_wrote_is_read_back(seed, tmp_path):
    rng = random.Random(seed)
    cells = ["x", "", '"', ",", ";", "\n", "a b", '""', "1,5", "é", "'"]
    rows = [["".join(rng.choices(cells, k=3)).strip() for _ in range(4)] for _ in range(60)]
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows([list("abcd"), *rows])
    frame = read(tmp_path, out.getvalue(), separator=",", missing=[""])
    pd.testing.assert_frame_equal(
        frame.fillna("").astype(object), pd.DataFrame(rows, columns=list("abcd"), dtype=object)
    )


def test_the_yaml_reads_two_files_and_cleans_their_class_names(open_dataset, tmp_path):
    options = {"header": False, "names": ["age", "income"], "target": "income", "target_strip": "."}
    for name, dot in (("train.csv", ""), ("test.csv", ".")):
        (tmp_path / name).write_text(f"39, <=50K{dot}\n50, >50K{dot}\n\n")
    paths = {"path": str(tmp_path / "train.csv"), "test_path": str(tmp_path / "test.csv")}
    train, test = open_dataset("csv", **options, **paths).read()
    assert train["income"].tolist() == test["income"].tolist() == ["<=50K", ">50K"]
