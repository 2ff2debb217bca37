"""The index of a study gives the very table that its runs give, or is not believed."""

import hashlib
import json
import os
import shutil

import pytest

from lepton import load
from lepton.storage import index, study_table
from tests.tampering import forget_digests

FAILURE = {"run": "x", "error": "ValueError: no", "traceback": ""}


@pytest.fixture
def study(run, monkeypatch):
    """Copies of a run with another score each, a failed and a pruned one; any number is many."""
    monkeypatch.setattr(index, "MIN_INDEXED_RUNS", 1)
    first = run("dataset=wine", "model=mlp_small", "trainer.max_epochs=1")
    forget_digests(first)
    for i in range(6):
        shutil.copytree(first, first.with_name(f"run{i}"))
        change(first.with_name(f"run{i}"), run=f"run{i}", score=i / 10)
    (first.with_name("lost.failed")).mkdir()
    (first.with_name("lost.failed") / "failure.json").write_text(json.dumps(FAILURE))
    return first.parent


def change(folder, **values):
    path = folder / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def unindexed(study, monkeypatch):
    """The table of a study, read without an index."""
    with monkeypatch.context() as m:
        m.setattr(index, "MIN_INDEXED_RUNS", 10**9)
        return load(study)


def record_reads(monkeypatch):
    """A list that gets the name of each run folder that is read from now on."""
    read_folders, indexed_rows = [], index.indexed_rows

    def recorded(study, read_row):
        return indexed_rows(
            study, lambda path: read_folders.append(path.parent.name) or read_row(path)
        )

    monkeypatch.setattr(study_table, "indexed_rows", recorded)
    return read_folders


@pytest.mark.slow
def test_the_second_time_nothing_is_read_and_the_table_is_the_same(study, monkeypatch):
    expected = unindexed(study, monkeypatch)
    assert load(study).equals(expected)
    assert (study / index.INDEX_FILE).is_file()
    read_folders = record_reads(monkeypatch)
    assert load(study).equals(expected)
    assert read_folders == []
    assert len(expected) == 8


@pytest.mark.slow
def test_only_what_changed_is_read_again(study, monkeypatch):
    load(study)
    read_folders = record_reads(monkeypatch)
    change(study / "run3", score=9.5, added_later=1)
    shutil.copytree(study / "run0", study / "run9")
    shutil.rmtree(study / "run1")
    frame = load(study)
    assert sorted(read_folders) == ["run3", "run9"]
    assert frame.equals(unindexed(study, monkeypatch))
    assert frame.set_index("folder").loc[str(study / "run3"), "score"] == 9.5
    assert load(study).equals(frame)


@pytest.mark.slow
def test_a_change_of_the_same_size_is_seen_by_its_time(study, monkeypatch):
    load(study)
    path = study / "run2" / "result.json"
    stat = path.stat()
    text = path.read_text()
    path.write_text(text.replace('"score": 0.2', '"score": 0.7'))
    assert path.stat().st_size == stat.st_size
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert load(study).set_index("run").loc["run2", "score"] == 0.7


@pytest.mark.slow
@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"format": 1}', b"\xff\xfe", b'{"format": 99, "rows": 0}']
)
def test_a_damaged_index_is_made_again(study, monkeypatch, content):
    expected = unindexed(study, monkeypatch)
    (study / index.INDEX_FILE).write_bytes(content)
    assert load(study).equals(expected)
    assert load(study).equals(expected)
    text = (study / index.INDEX_FILE).read_text().partition("\n")[2]
    assert json.loads(text)["format"] == index.INDEX_FORMAT


@pytest.mark.slow
def test_a_study_that_cannot_be_written_to_is_read_without(study, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert len(load(study)) == 8
    assert not list(study.glob(".index*"))


@pytest.mark.slow
def test_a_few_runs_have_no_index(run):
    folder = run("dataset=wine", "model=mlp_small", "trainer.max_epochs=1")
    load(folder.parent)
    assert not (folder.parent / index.INDEX_FILE).exists()


@pytest.mark.slow
def test_what_cannot_be_read_stays_so_until_it_changes(study, monkeypatch):
    good = (study / "run0" / "result.json").read_text()
    (study / "run0" / "result.json").write_text("{")
    for _ in range(2):
        frame = load(study).set_index("folder")
        assert frame.loc[str(study / "run0"), "status"] == "unreadable"
    (study / "run0" / "result.json").write_text(good)
    assert load(study).equals(unindexed(study, monkeypatch))


def test_values_of_every_kind_come_back_as_they_were(tmp_path):
    rows = [{"a": 1, "b": None, "c": "x"}, {"a": True, "c": float("nan"), "d": 2.5}, {"a": 1.0}]
    table = {f"r{i}/result.json": ((i, 9), row) for i, row in enumerate(rows)}
    index._write_index(tmp_path, table)
    indexed = index._read_index(tmp_path)
    assert str(indexed) == str(table)
    assert [type(row["a"]) for _, row in indexed.values()] == [int, bool, float]


@pytest.mark.slow
def test_a_change_that_keeps_a_files_time_and_size_is_seen(study, monkeypatch):
    load(study)
    path = study / "run0" / "result.json"
    stat = path.stat()
    path.write_text(path.read_text().replace('"seconds": ', '"sekonds": '))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_size == stat.st_size
    assert load(study).set_index("folder").loc[str(study / "run0"), "status"] == "unreadable"


@pytest.mark.slow
def test_a_run_whose_result_is_gone_is_named_when_it_has_digests(study):
    from lepton.storage.digests import write_sums

    count = len(load(study))
    for name, file in (("run0", "result.json"), ("lost.failed", "failure.json")):
        write_sums(study / name, "checkpoint")
        (study / name / file).unlink()
    frame = load(study).set_index("folder")
    assert len(frame) == count
    lost = frame.loc[[str(study / "run0"), str(study / "lost.failed")]]
    assert lost["status"].tolist() == ["unreadable"] * 2
    assert lost["error"].str.contains(r"is gone, while other files of the run are there").all()


@pytest.mark.slow
def test_an_index_with_what_no_column_can_hold_is_not_believed(study):
    expected = load(study)
    _, text = (study / index.INDEX_FILE).read_bytes().split(b"\n", 1)
    content = json.loads(text)
    content["columns"]["model"] = ["same", ["mlp"]]
    changed = json.dumps(content).encode()
    digest = hashlib.sha256(changed).hexdigest().encode()
    (study / index.INDEX_FILE).write_bytes(digest + b"\n" + changed)
    assert load(study).equals(expected)
