"""Digests of a run's files: what is read is what was written, or it is said."""

import hashlib
import json
import re
import shutil
import subprocess

import pandas as pd
import pytest

from lepton import load_model
from lepton.commands.verify import verify
from lepton.dataset.wine import Wine
from lepton.errors import Damaged, LeptonError
from lepton.report.predictions import read_sample_predictions
from lepton.storage.digests import damaged_files, read_sums, replace_covered, write_sums
from lepton.storage.results import finished_result
from lepton.storage.study_table import load
from tests.tampering import forget_digests

RUN = ("dataset=wine", "model=mlp_small", "trainer.max_epochs=2")


def flip(path, place=-3):
    content = bytearray(path.read_bytes())
    content[place] ^= 64
    path.write_bytes(content)


def test_every_file_of_a_run_is_listed_as_sha256sum_lists_it(run_once):
    folder = run_once(*RUN)
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert set(read_sums(folder)) == files - {"SHA256SUMS"}
    for name, digests in read_sums(folder).items():
        assert digests == {hashlib.sha256((folder / name).read_bytes()).hexdigest()}
    if shutil.which("sha256sum"):
        command = ["sha256sum", "--check", "--quiet", "SHA256SUMS"]
        assert subprocess.run(command, cwd=folder, check=False).returncode == 0


def test_one_bit_in_any_file_is_found_by_verify_which_trains_nothing(run_once):
    folder = run_once(*RUN)
    for name in sorted(read_sums(folder)):
        before = (folder / name).read_bytes()
        flip(folder / name)
        lines, is_same = verify(folder)
        assert not is_same
        assert "damaged: 1 of its files" in lines[0]
        assert lines[1].startswith(f"  {name}: its SHA-256")
        (folder / name).write_bytes(before)
    flip(folder / "SHA256SUMS", 30)
    with pytest.raises(Damaged, match="SHA256SUMS: damaged"):
        verify(folder)


def test_a_damaged_run_is_named_and_counted_in_the_table_and_the_others_are_there(run_once):
    folder = run_once(*RUN)
    shutil.copytree(folder, folder.with_name("other"))
    text = (folder / "result.json").read_text()
    metric = re.search(r'"test/auroc": 0\.(\d)', text)
    changed = text[: metric.start(1)] + str(int(metric[1]) ^ 1) + text[metric.end(1) :]
    (folder / "result.json").write_text(changed)
    table = load(folder.parent).set_index("folder")
    assert table["status"].to_dict() == {
        str(folder.parent / "other"): "finished",
        str(folder): "unreadable",
    }
    assert "SHA-256" in table.loc[str(folder), "error"]
    with pytest.raises(Damaged, match=r"result\.json: damaged"):
        finished_result(folder)


@pytest.mark.parametrize(
    "name", ["model.safetensors", "preprocessing.skops", "spec.json", "config.yaml"]
)
def test_a_model_of_damaged_files_predicts_nothing(run_once, name):
    folder = run_once(*RUN)
    flip(folder / name)
    with pytest.raises(Damaged, match=f"{name}: its SHA-256"):
        load_model(folder)


def test_damaged_predictions_are_not_read_and_a_damaged_log_costs_no_model(run_once):
    folder = run_once(*RUN)
    flip(folder / "log.txt")
    assert load_model(folder)
    flip(folder / "predictions" / "test.parquet", 100)
    with pytest.raises(Damaged, match=r"test\.parquet: damaged"):
        read_sample_predictions(folder)


def test_a_file_that_the_run_did_not_write_is_not_read(run_once):
    folder = run_once(*RUN)
    sums = (folder / "SHA256SUMS").read_bytes().split(b"\n")
    lines = b"".join(line + b"\n" for line in sums[1:-1] if not line.endswith(b"spec.json"))
    head = f"# {hashlib.sha256(lines).hexdigest()} of the lines below\n".encode()
    (folder / "SHA256SUMS").write_bytes(head + lines)
    with pytest.raises(LeptonError, match="the run did not write it"):
        load_model(folder)


@pytest.mark.slow
def test_a_run_without_digests_is_read_and_said_to_be_unchecked(run_once):
    folder = forget_digests(run_once(*RUN))
    assert damaged_files(folder) is None
    assert load(folder.parent)["status"].tolist() == ["finished"]
    frame, _ = Wine.read(object.__new__(Wine))
    assert len(load_model(folder).predict_raw(frame)) == len(frame)
    lines, is_same = verify(folder)
    assert is_same
    assert lines[0].endswith("unchecked: its files have no digests")


def test_a_file_is_replaced_with_its_digest_whenever_that_is_stopped(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("old")
    (tmp_path / "b").write_text("b")
    for stop in (0, 1, 2, 3):
        write_sums(tmp_path, "checkpoint")
        calls = []

        def stopping(path, content, stop=stop, calls=calls):
            if len(calls) == stop:
                raise KeyboardInterrupt
            calls.append(path)
            path.write_bytes(content)

        monkeypatch.setattr("lepton.storage.digests.write_bytes", stopping)
        try:
            replace_covered(tmp_path, "a", f"new {stop}".encode())
        except KeyboardInterrupt:
            assert stop < 3
        assert damaged_files(tmp_path) == []
    assert read_sums(tmp_path)["a"] == {hashlib.sha256(b"new 3").hexdigest()}


@pytest.mark.parametrize("name", ["plain", "with blank", "a\\b", "line\nbreak", "ü", "\udce4"])
def test_names_of_every_kind_are_read_back(tmp_path, name):
    (tmp_path / name).write_text("x")
    write_sums(tmp_path, "checkpoint")
    assert read_sums(tmp_path) == {name: {hashlib.sha256(b"x").hexdigest()}}
    assert damaged_files(tmp_path) == []


@pytest.mark.slow
def test_a_flip_of_the_index_or_the_plan_gives_no_other_table(run_once, monkeypatch):
    from lepton.storage import index
    from lepton.storage.study import add_planned_runs, planned_runs

    monkeypatch.setattr(index, "MIN_INDEXED_RUNS", 1)
    folder = run_once(*RUN)
    study = folder.parent
    right = load(study)
    content = (study / index.INDEX_FILE).read_bytes()
    for place in (0, 40, 70, len(content) // 2, len(content) - 30):
        flip(study / index.INDEX_FILE, place)
        pd.testing.assert_frame_equal(load(study), right)
        (study / index.INDEX_FILE).write_bytes(content)
    add_planned_runs({folder: "seed=1"})
    text = (study / "sweep.json").read_text()
    assert json.loads(text)["runs"] == {folder.name: "seed=1"}
    (study / "sweep.json").write_text(text.replace("seed=1", "seed=3"))
    with pytest.raises(Damaged, match=r"sweep\.json: not a plan"):
        planned_runs(study)
