"""Of the files below dataset.root, those that a table names are part of what data are."""

import json
from pathlib import Path

import pandas as pd
import pytest

from lepton.config.data_identity import data_contents, folders_looked_at_once
from lepton.config.named_files import names_in
from lepton.storage.file_digests import digests_below, digests_named

ODD = ["a/1.png", "b, c.png", 'say "x".png', "ü/3.png", "new\nline.png"]


@pytest.fixture
def table():
    return pd.DataFrame({"file": ODD, "grade": range(len(ODD)), "note": ["x" * 2000] * len(ODD)})


@pytest.mark.parametrize("ending", ["csv", "tsv", "semicolons", "jsonl", "parquet"])
def test_the_texts_of_cells_are_found_in_every_kind_of_table(table, tmp_path, ending):
    path = tmp_path / f"t.{ending}"
    if ending == "jsonl":
        table.to_json(path, orient="records", lines=True)
    elif ending == "parquet":
        table.to_parquet(path)
    else:
        separator = {"csv": ",", "tsv": "\t", "semicolons": ";"}[ending]
        table.to_csv(path, index=False, sep=separator)
    for start in ("x" * 200, *(name.partition("/")[0] for name in ODD[1:])):
        (tmp_path / start).touch()
    assert names_in([str(path)], tmp_path) == {*ODD[1:]}
    (tmp_path / "a").mkdir()
    assert names_in([str(path)], tmp_path) == {*ODD}


@pytest.mark.parametrize(
    ("encoding", "separator", "quote"),
    [("cp1252", None, '"'), ("utf-16", None, '"'), ("latin-1", "#", "'"), ("utf-8", "#", None)],
)
def test_only_the_files_of_a_table_written_in_another_way_tell_data_apart(
    tmp_path, encoding, separator, quote
):
    names = ["größe.png", "b.png"] if quote is None else ["größe.png", "b, c#.png"]
    frame = pd.DataFrame({"file": names, "late": ["no", "yes"]})
    written = {} if quote is None else {"quotechar": quote}
    path = tmp_path / "t.csv"
    frame.to_csv(path, index=False, encoding=encoding, sep=separator or ";", **written)
    for name in (*names, "other.png"):
        (tmp_path / name).write_text(name)
    node = {"_target_": "lepton.dataset.multimodal.Multimodal", "path": str(path)}
    node |= {"encoding": encoding, "separator": separator, "quote": quote}
    config = {"dataset": {**node, "test_path": None, "root": str(tmp_path)}}
    before = data_contents(config)
    assert [name for name, _ in before["root"]] == sorted(names)
    (tmp_path / "other.png").write_text("another")
    assert data_contents(config) == before
    (tmp_path / names[0]).write_text("another")
    assert data_contents(config) != before


def test_a_separator_of_names_is_none_of_a_table(tmp_path):
    (tmp_path / "t.csv").write_text("audio,label\na_b.wav,1\n")
    (tmp_path / "a_b.wav").write_text("a sound")
    node = {"_target_": "lepton.dataset.audio_folder.AudioFolder", "separator": "_"}
    node |= {"path": f"{tmp_path}/t.csv", "test_path": None, "root": str(tmp_path)}
    found = data_contents({"dataset": node})["root"]
    assert [name for name, _ in found] == ["a_b.wav"]


@pytest.mark.parametrize("content", [b"a,b\n\xff,1\n", b"a\n\xff\n", b""])
def test_a_table_that_cannot_be_read_so_has_none(tmp_path, content):
    (tmp_path / "t.csv").write_bytes(content)
    assert names_in([str(tmp_path / "t.csv")], tmp_path) is None


def test_a_table_of_one_column_names_the_files_of_its_cells(tmp_path):
    (tmp_path / "t.csv").write_text('image\na.png\n"b, c.png"\nnone.png\n')
    for name in ("a.png", "b, c.png", "other.png"):
        (tmp_path / name).write_text(name)
    first = data_contents(config_of(tmp_path))
    assert [name for name, _ in first["root"]] == ["a.png", "b, c.png"]
    (tmp_path / "other.png").write_text("another")
    assert data_contents(config_of(tmp_path)) == first


def test_cells_that_lead_nowhere_are_not_looked_at_and_all_that_lead_to_a_file_are(tmp_path):
    cells = ["a/1.png", "./b.png", f"{tmp_path}/c.png", f"../{tmp_path.name}/d.png", "link/e.png"]
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to("a")
    for name in ("a/1.png", "b.png", "c.png", "d.png", "a/e.png", "f.png"):
        (tmp_path / name).write_text(name)
    texts = [*cells, "none.png", "b.png.txt", *map(str, range(100))]
    pd.DataFrame({"file": texts, "y": 0.5}).to_csv(tmp_path / "t.csv", index=False)
    names = names_in([str(tmp_path / "t.csv")], tmp_path)
    assert names == {*cells}
    found = digests_named(tmp_path, names)
    assert found == digests_named(tmp_path, [*texts, "file", "y", "0.5"])
    assert [name for name, _ in found] == ["a/1.png", "b.png", "c.png", "d.png", "link/e.png"]


def test_a_folder_above_the_working_directory_holds_the_same_files(tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_text("a")
    monkeypatch.chdir(tmp_path / "work")
    found = digests_named(Path("../photos"), ["a.png"])
    assert found == digests_below(tmp_path / "photos") != []


def config_of(folder):
    node = {"_target_": "lepton.dataset.image_folder.ImageFolder", "path": f"{folder}/t.csv"}
    return {"dataset": {**node, "test_path": None, "root": str(folder)}}


def test_only_files_that_the_table_names_tell_data_apart(tmp_path):
    (tmp_path / "t.csv").write_text("image,label\na.png,1\n./b.png,2\n../c.png,3\nnone.png,4\n")
    for name in ("a.png", "b.png", "../c.png"):
        (tmp_path / name).write_text(name)
    first = data_contents(config_of(tmp_path))
    assert [name for name, _ in first["root"]] == ["a.png", "b.png"]
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "result.json").write_text(json.dumps(1))
    assert data_contents(config_of(tmp_path)) == first
    (tmp_path / "b.png").write_text("another")
    assert data_contents(config_of(tmp_path)) != first


def test_where_a_table_names_all_files_they_are_those_of_the_folder(tmp_path):
    names = [f"{folder}/{number}" for folder in ("b", "a-b", "a") for number in range(20)]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert digests_named(tmp_path, [*names, "a", "/etc/passwd", "x\0y"]) == digests_below(tmp_path)


def test_a_plan_looks_at_a_folder_once_and_the_next_one_anew(tmp_path):
    (tmp_path / "t.csv").write_text("image,label\na.png,1\n")
    (tmp_path / "a.png").write_text("a picture")
    before = data_contents(config_of(tmp_path))
    with folders_looked_at_once():
        assert data_contents(config_of(tmp_path)) == before
        (tmp_path / "a.png").write_text("another picture")
        assert data_contents(config_of(tmp_path)) == before
    assert data_contents(config_of(tmp_path)) != before
