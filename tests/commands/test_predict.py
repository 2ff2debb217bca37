"""`lepton predict`: what a finished run says of new rows, in a file."""

import json
import os
import stat
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from lepton import load_model
from lepton.batch_prediction import row_writers
from tests.commands.test_evaluate import SHORT, make_rows

KEYS = "dataset.columns.customer=ignore"


def new_rows(count=30):
    rows = make_rows(count, seed=1).drop(columns=["late", "sum"])
    rows.insert(0, "customer", [f"k{i}" for i in range(count)])
    return rows.assign(asked=pd.Timestamp("2026-01-05"))


@pytest.fixture
def folder(here, run_once):
    rows = make_rows().drop(columns="sum")
    rows.assign(customer=[f"k{i}" for i in range(len(rows))]).to_csv("loans.csv", index=False)
    words = ("dataset=csv", "dataset.path=loans.csv", "dataset.target=late", KEYS)
    return run_once(*words, *SHORT)


def write(rows, name):
    match name.rpartition(".")[2]:
        case "csv":
            rows.to_csv(name, index=False)
        case "parquet":
            rows.to_parquet(name, index=False)
        case _:
            rows.to_json(name, orient="records", lines=True, date_format="iso")


def read(name):
    match name.rpartition(".")[2]:
        case "csv":
            return pd.read_csv(name)
        case "parquet":
            return pd.read_parquet(name)
    return pd.read_json(name, orient="records", lines=True)


@pytest.mark.parametrize("source", ["new.csv", "new.parquet", "new.jsonl"])
@pytest.mark.parametrize("out", ["out.csv", "out.parquet", "out.jsonl"])
def test_each_row_has_its_class_and_probabilities_beside_what_the_model_does_not_read(
    folder, lepton, source, out
):
    rows = new_rows()
    write(rows, source)
    code, said, error = lepton("predict", str(folder), source, "--out", out, "rows=7")
    assert code == 0, error
    frame = read(out)
    assert list(frame) == ["customer", "asked", "predicted", "p_no", "p_yes"]
    assert frame["customer"].tolist() == rows["customer"].tolist()
    expected = load_model(folder).predict_raw(rows)["prediction"].to_numpy()
    assert frame["p_yes"].to_numpy() == pytest.approx(expected, abs=1e-6)
    assert frame["p_no"].to_numpy() == pytest.approx(1 - expected, abs=1e-6)
    assert frame["predicted"].tolist() == np.where(expected > 0.5, "yes", "no").tolist()
    counts = frame["predicted"].value_counts()
    shares = ", ".join(f"{name} {count}" for name, count in counts.items())
    assert said == f"{out}: 30 rows; predicted {shares}\n"


def test_the_columns_to_keep_are_chosen(folder, lepton):
    new_rows().to_csv("new.csv", index=False)
    heads = {
        "keep=none": [],
        "keep=all": ["customer", "age", "job", "asked"],
        "keep=[job,customer]": ["job", "customer"],
    }
    for word, names in heads.items():
        words = (word, "--out", "out.csv", "overwrite=true")
        assert lepton("predict", str(folder), "new.csv", *words)[0] == 0
        assert list(pd.read_csv("out.csv")) == [*names, "predicted", "p_no", "p_yes"]


def test_a_file_may_hold_the_only_input_alone(here, run_once, lepton):
    make_rows()[["age", "late"]].to_csv("loans.csv", index=False)
    words = ("dataset=csv", "dataset.path=loans.csv", "dataset.target=late")
    folder = run_once(*words, *SHORT)
    new = new_rows()[["age"]]
    new.to_csv("new.csv", index=False)
    code, _, error = lepton("predict", str(folder), "new.csv", "--out", "o.csv")
    assert code == 0, error
    expected = load_model(folder).predict_raw(new)["prediction"].to_numpy()
    assert pd.read_csv("o.csv")["p_yes"].to_numpy() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("task", "columns"),
    [
        (("dataset=wine",), ["predicted", "p_class_0", "p_class_1", "p_class_2"]),
        (("dataset=diabetes",), ["prediction"]),
        (
            ("dataset=synthetic", "dataset.rows=300", "dataset.labels=2"),
            ["predicted_label_0", "predicted_label_1", "p_label_0", "p_label_1"],
        ),
    ],
)
def test_every_task_says_what_it_decides(run_once, lepton, task, columns):
    from lepton.evaluation.sample_inputs import read_sample_inputs

    folder = run_once(*task, *SHORT)
    stored = pd.read_parquet(folder / "predictions" / "test.parquet")
    rows = read_sample_inputs(folder, stored["id"].to_numpy()).inputs
    rows.to_parquet("new.parquet")
    code, _, error = lepton("predict", str(folder), "new.parquet", "--out", "o.csv", "keep=none")
    assert code == 0, error
    frame = pd.read_csv("o.csv")
    assert list(frame) == columns
    numbers = [name for name in columns if name in stored]
    assert frame[numbers].to_numpy() == pytest.approx(stored[numbers].to_numpy(), abs=1e-5)
    if "predicted" in frame:
        likeliest = frame[numbers].to_numpy().argmax(1)
        assert frame["predicted"].tolist() == [f"class_{i}" for i in likeliest]
    for name in (name for name in columns if name.startswith("predicted_")):
        assert (frame[name] == (frame[name.replace("predicted", "p")] > 0.5)).all()


def test_cells_of_other_types_in_later_blocks_are_kept(folder, lepton):
    rows = new_rows(20).drop(columns="asked")
    table = pa.Table.from_pandas(rows, preserve_index=False)
    late = pa.array([None] * 12 + [7] * 8, pa.int64())
    notes = pa.array([None] * 12 + ["moved"] * 8, pa.string())
    table = table.append_column("visits", late).append_column("note", notes)
    parquet.write_table(table, "new.parquet")
    words = ("--out", "out.parquet", "rows=6")
    code, _, error = lepton("predict", str(folder), "new.parquet", *words)
    assert code == 0, error
    frame = pd.read_parquet("out.parquet")
    assert frame["visits"].dropna().tolist() == [7] * 8
    assert frame["note"].dropna().tolist() == ["moved"] * 8


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["new.csv"], "predict: give the file to write with --out; usage: lepton predict"),
        (["--out", "o.csv"], "predict: give the folder of a run, and one file or folder; usage:"),
        (["gone.csv", "--out", "o.csv"], "gone.csv: no such file or folder (looked in "),
        (["new.csv", "--out", "new.csv"], "--out new.csv: is the file to predict"),
        (["new.csv", "--out", "bad.csv"], "--out bad.csv: is there; overwrite=true replaces it"),
        (
            ["new.csv", "--out", f"{'o' * 300}.csv"],
            f"--out {'o' * 300}.csv: cannot be written (File",
        ),
        (["o" * 300, "--out", "o.csv"], f"{'o' * 300}: no such file or folder"),
        (["new.csv", "--out", "o.csv", f"keep=[{'o' * 300}]"], "keep: new.csv has no column 'ooo"),
        (["new.csv", "--out", "o.txt"], "--out o.txt: the ending '.txt' is none of .csv, "),
        (["new.csv", "--out", "no/o.csv"], "--out no/o.csv: cannot be written (No such file"),
        (["new.csv", "--out", "o.csv", "keep=[custmer]"], "keep: new.csv has no column 'custmer'"),
        (["new.csv", "--out", "o.csv", "keep=some"], "keep: 'some' is not"),
        (["new.csv", "--out", "o.csv", "rows=0"], "rows: 0 is not from 1 to 10000000"),
        (["new.csv", "--out", "o.csv", "kep=all"], "kep: lepton predict has no such key"),
        (["bad.csv", "--out", "o.csv", "rows=4"], "bad.csv: column 'age', row 6"),
        (["short.csv", "--out", "o.csv"], "short.csv: column 'age' is missing"),
        (["clash.csv", "--out", "o.csv"], "clash.csv: column 'p_yes' is what a column of predic"),
        ([".", "--out", "o.csv"], ".: a folder, where the model reads a table; give a file of"),
    ],
)
def test_a_mistake_is_told_in_one_line_and_writes_nothing(folder, lepton, words, message):
    rows = new_rows()
    rows.to_csv("new.csv", index=False)
    rows.assign(age=rows["age"].astype(object).where(rows.index != 5, "old")).to_csv("bad.csv")
    rows.drop(columns="age").to_csv("short.csv", index=False)
    rows.assign(p_yes=1).to_csv("clash.csv", index=False)
    before = {name: (os.stat(name).st_mtime_ns) for name in os.listdir()}
    code, _, error = lepton("predict", str(folder), *words)
    assert code == 2
    assert error.removeprefix("lepton: ").startswith(message), error
    assert error.count("\n") == 1
    assert {name: (os.stat(name).st_mtime_ns) for name in os.listdir()} == before


def test_a_disk_that_fills_leaves_the_file_that_was_there(folder, lepton, monkeypatch):
    new_rows().to_csv("new.csv", index=False)

    def full(frame):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(row_writers, "spreadsheet_safe", full)
    (folder.parent / "kept.csv").write_text("mine")
    words = ("--out", str(folder.parent / "kept.csv"), "overwrite=true")
    code, _, error = lepton("predict", str(folder), "new.csv", *words)
    assert (code, error.count("\n")) == (2, 1)
    assert "cannot be written (No space left on device)" in error
    assert (folder.parent / "kept.csv").read_text() == "mine"
    assert not [name for name in os.listdir(folder.parent) if name.startswith(".kept")]


def test_a_folder_of_pictures_is_predicted_by_the_names_of_its_files(run_once, lepton):
    from PIL import Image

    folder = run_once("dataset=digits", "model=cnn_small", "trainer=smoke")
    os.makedirs("new/deep")
    pictures = {f"new/{i}.png": i for i in range(3)} | {"new/deep/3.png": 3}
    for path, i in pictures.items():
        Image.fromarray(np.full((8, 8), 60 * i, np.uint8)).save(path)
    with open("new/notes.txt", "w") as file:
        file.write("no picture")
    code, _, error = lepton("predict", str(folder), "new", "--out", "o.csv")
    assert code == 0, error
    frame = pd.read_csv("o.csv", dtype={"predicted": str})
    assert frame["file"].tolist() == ["0.png", "1.png", "2.png", "deep/3.png"]
    arrays = [np.full((8, 8), 60 * i, np.uint8) for i in range(4)]
    expected = load_model(folder).predict_raw(arrays)
    names = list(expected)
    assert frame[names].to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-6)
    assert frame["predicted"].tolist() == [
        names[i].removeprefix("p_") for i in expected.to_numpy().argmax(1)
    ]


def test_an_ensemble_predicts_files_too(folder, run_once, lepton):
    new_rows().to_csv("new.csv", index=False)
    run_once("dataset=csv", "dataset.path=loans.csv", "dataset.target=late", KEYS, *SHORT, "seed=1")
    code, _, error = lepton("ensemble", "runs=default", "method=mean", "keep=true")
    assert code == 0, error
    [ensemble] = [p for p in folder.parent.iterdir() if "ensemble" in p.name and p.is_dir()]
    code, _, error = lepton("predict", str(ensemble), "new.csv", "--out", "o.csv")
    assert code == 0, error
    expected = load_model(ensemble).predict_raw(new_rows())["prediction"].to_numpy()
    assert pd.read_csv("o.csv")["p_yes"].to_numpy() == pytest.approx(expected, abs=1e-6)


def test_paths_in_cells_start_from_the_root_and_do_not_lead_out_of_it(run_once, lepton):
    from PIL import Image

    folder = run_once("dataset=digits", "model=cnn_small", "trainer=smoke")
    [column] = load_model(folder).inputs[0].own_columns
    os.makedirs("new")
    for i in range(3):
        Image.fromarray(np.full((8, 8), 60 * i, np.uint8)).save(f"new/{i}.png")
    pd.DataFrame({column: ["2.png", "0.png"], "part": [7, 9]}).to_csv("parts.csv", index=False)
    code, _, error = lepton("predict", str(folder), "parts.csv", "--out", "o.csv", "root=new")
    assert code == 0, error
    frame = pd.read_csv("o.csv")
    assert frame["part"].tolist() == [7, 9]
    expected = load_model(folder).predict_raw([np.full((8, 8), 60 * i, np.uint8) for i in (2, 0)])
    assert frame[[*expected]].to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-6)
    frame.assign(**{column: ["2.png", "../o.csv"]}).to_csv("parts.csv", index=False)
    words = ("parts.csv", "--out", "p.csv", "root=new", "rows=1", "keep=none")
    code, _, error = lepton("predict", str(folder), *words)
    assert (code, error) == (
        2,
        "lepton: parts.csv: row 2: '../o.csv' is outside of root=new\n",
    )
    code, _, error = lepton("predict", str(folder), "parts.csv", "--out", "p.csv", "root=gone")
    assert (code, error.partition(" (")[0]) == (2, "lepton: parts.csv: root=gone: no such folder")


def test_whole_numbers_dates_and_amounts_keep_each_digit_and_their_type(folder, lepton):
    cells = {
        "id": pa.array([None, 2, 3, 9007199254740993], pa.int64()),
        "paid": pa.array([None, Decimal("1.50"), Decimal("12345.67"), None], pa.decimal128(20, 2)),
        "at": pa.array([1577836800123456789, None, 3, 4], pa.timestamp("ns")),
        "share": pa.array([0.1, 1e-20, None, 1 / 3], pa.float32()),
    }
    table = pa.Table.from_pandas(new_rows(4)[["age", "job"]], preserve_index=False)
    for name, column in cells.items():
        table = table.append_column(name, column)
    parquet.write_table(table, "new.parquet")
    for out in ("out.parquet", "out.csv", "out.jsonl"):
        code, _, error = lepton("predict", str(folder), "new.parquet", "--out", out, "rows=2")
        assert code == 0, error
    carried = parquet.read_table("out.parquet").select([*cells])
    assert carried.equals(pa.table(cells))
    lines = [line.split(",") for line in Path("out.csv").read_text().splitlines()[1:]]
    assert [line[0] for line in lines] == ["", "2", "3", "9007199254740993"]
    rows = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == [None, 2, 3, 9007199254740993]
    assert [row["paid"] for row in rows] == [None, "1.50", "12345.67", None]
    assert rows[0]["at"] == "2020-01-01T00:00:00.123456789"
    assert [row["share"] for row in rows] == [0.1, 1e-20, None, 0.33333334]


def test_whole_numbers_with_gaps_are_read_by_the_model_as_they_were(folder, lepton):
    rows = new_rows(20)[["age", "job"]]
    rows["age"] = rows["age"].round().astype("Int64").where(rows.index != 3)
    rows.to_parquet("new.parquet")
    words = ("--out", "out.parquet", "keep=all")
    code, _, error = lepton("predict", str(folder), "new.parquet", *words)
    assert code == 0, error
    frame = pd.read_parquet("out.parquet")
    expected = load_model(folder).predict_raw(rows.astype({"age": float}))["prediction"]
    assert frame["p_yes"].to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-6)


def test_the_file_that_a_link_names_is_written_and_the_link_stays(folder, lepton):
    new_rows(3).to_csv("new.csv", index=False)
    os.mkdir("far")
    os.symlink("far/out.csv", "out.csv")
    for words in ((), ("overwrite=true",)):
        code, _, error = lepton("predict", str(folder), "new.csv", "--out", "out.csv", *words)
        assert code == 0, error
        assert os.path.islink("out.csv")
        assert len(pd.read_csv("far/out.csv")) == 3


def test_what_is_no_file_is_neither_replaced_nor_waited_for(folder, lepton):
    new_rows(3).to_csv("new.csv", index=False)
    os.mkfifo("pipe.csv")
    words = ("new.csv", "--out", "pipe.csv", "overwrite=true")
    code, _, error = lepton("predict", str(folder), *words)
    assert (code, error.partition(";")[0]) == (2, "lepton: --out pipe.csv: a pipe or a device")
    assert stat.S_ISFIFO(os.stat("pipe.csv").st_mode)
    code, _, error = lepton("predict", str(folder), "pipe.csv", "--out", "o.csv")
    assert (code, error.partition(",")[0]) == (2, "lepton: pipe.csv: a pipe or a device")


def test_a_file_of_another_encoding_is_told_what_the_runs_own_file_had(folder, lepton):
    rows = new_rows(3).assign(job="ä")
    for encoding, fact in (("latin-1", "line 2, byte "), ("utf-16", "written in utf-16; ")):
        rows.to_csv("new.csv", index=False, encoding=encoding)
        code, _, error = lepton("predict", str(folder), "new.csv", "--out", "o.csv")
        assert code == 2
        assert fact in error
        assert "; write it as the run's own file was (encoding 'utf-8', " in error
        assert "dataset." not in error


@pytest.mark.parametrize("out", ["o.csv", "o.jsonl", "o.parquet"])
def test_a_column_of_several_types_is_carried_where_the_file_can_hold_it(folder, lepton, out):
    lines = [{"age": 30, "job": "a", "note": note} for note in (7, "x", True)]
    Path("new.jsonl").write_text("\n".join(map(json.dumps, lines)))
    code, _, error = lepton("predict", str(folder), "new.jsonl", "--out", out)
    if out == "o.parquet":
        assert (code, error.count("\n")) == (2, 1)
        assert error.startswith("lepton: new.jsonl: column 'note': has cells of several types")
    else:
        assert code == 0, error
        assert read(out)["note"].astype(str).tolist() == ["7", "x", "True"]
