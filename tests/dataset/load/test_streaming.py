"""Data that exceed their budget of memory are what they are in memory, and come from the cache."""

import errno
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from lepton import build, compose, train
from lepton.config.check import check
from lepton.config.identity import run_id
from lepton.dataset.inputs import table as table_inputs
from lepton.dataset.load.streaming import budget_bytes
from lepton.dataset.parquet import Parquet
from lepton.dataset.read import csv_file, text_file
from lepton.dataset.read.parquet_file import ParquetTable
from lepton.errors import LeptonError
from lepton.storage import cache_locks, machine_memory
from tests.quick import quick

SCALINGS = ("standard", "robust", "quantile", "none")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of the test's own, and blocks of few rows."""
    monkeypatch.setenv("LEPTON_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(table_inputs, "BLOCK_ROWS", 37)
    return tmp_path / "cache"


@pytest.fixture
def people(tmp_path):
    """A file of every kind of column, with missing cells."""
    rng = np.random.default_rng(0)
    rows = 260
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 9, rows).astype(np.float32),
            "income": np.where(rng.random(rows) < 0.2, np.nan, rng.lognormal(size=rows)),
            "children": pd.array(rng.integers(0, 5, rows), dtype="Int64"),
            "job": rng.choice(["cook", "nurse", "smith"], rows),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, rows), "h"),
            "owner": rng.choice(["yes", "no"], rows),
            "good": rng.choice(["yes", "no"], rows),
        }
    )
    frame.loc[200:, "children"] = pd.NA  # so that some blocks hold whole numbers alone
    frame.loc[::9, "job"] = None
    frame.to_parquet(tmp_path / "people.parquet", row_group_size=100)
    frame.to_csv(tmp_path / "people.csv", index=False)
    return tmp_path / "people"


def config_of(path, kind, *overrides):
    file = path.with_suffix(f".{kind}")
    return check(
        compose(f"dataset={kind}", f"dataset.path={file}", "dataset.target=good", *overrides)
    )


def same_data(data, other):
    for split, rows in other.splits.items():
        assert data.splits[split].keys() == rows.keys()
        for name, tensor in rows.items():
            assert data.splits[split][name].dtype == tensor.dtype
            assert torch.equal(data.splits[split][name], tensor)
    assert (data.spec, data.kinds, data.notes) == (other.spec, other.kinds, other.notes)
    assert str(data.preprocessor.state()) == str(other.preprocessor.state())


@pytest.mark.parametrize("preprocessing", quick(SCALINGS, "quantile"))
@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_streamed_rows_are_those_in_memory(kind, preprocessing, people, monkeypatch):
    overrides = (f"preprocessing={preprocessing}", "dataset.columns.children=categorical")
    in_memory = build.data(config_of(people, kind, *overrides))
    streamed = build.data(config_of(people, kind, *overrides, "dataset.memory_gb=0"))
    assert in_memory.streamed_from is None
    assert "dataset.memory_gb=0" in streamed.streamed_from
    same_data(streamed, in_memory)

    def refuse(*arguments):
        raise AssertionError("the file is read again")

    monkeypatch.setattr(type(streamed), "tables", refuse)
    same_data(build.data(config_of(people, kind, *overrides, "dataset.memory_gb=0")), in_memory)


def test_the_budget_does_not_name_a_run(people):
    ids = {run_id(config_of(people, "csv", f"dataset.memory_gb={x}")) for x in ("null", "0", "2.5")}
    assert len(ids) == 1


def test_a_streamed_run_is_the_run_in_memory(people, trained_both_ways):
    folders = trained_both_ways(
        *("dataset=parquet", f"dataset.path={people}.parquet", "dataset.target=good"),
        "model=mlp_small",
        same=("predictions/val.parquet", "predictions/test.parquet", "model.safetensors"),
    )
    histories = [pd.read_parquet(f / "history.parquet").drop(columns="seconds") for f in folders]
    pd.testing.assert_frame_equal(*histories)
    assert "the rows are streamed from" in (folders[1] / "log.txt").read_text()
    assert "the rows are streamed from" not in (folders[0] / "log.txt").read_text()


def test_a_log_says_that_a_model_which_fits_itself_takes_streamed_rows_whole(people, tmp_path):
    logs = []
    for memory in ("null", "0"):
        config = compose(
            *("dataset=parquet", f"dataset.path={people}.parquet", "dataset.target=good"),
            *(
                f"runs={tmp_path / memory}",
                f"dataset.memory_gb={memory}",
                "model=gradient_boosting",
            ),
        )
        logs.append((tmp_path / memory / "default" / train(config).run / "log.txt").read_text())
    said = "model=gradient_boosting fits itself: it takes the streamed rows whole"
    assert [said in log for log in logs] == [False, True]


@pytest.mark.slow
def test_two_processes_learn_the_same_of_streamed_rows(people, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    folders = []
    for memory in ("null", "0"):
        config = compose(
            *("dataset=parquet", f"dataset.path={people}.parquet", "dataset.target=good"),
            *("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "model=mlp_small"),
            *("trainer.max_epochs=2", "batch_size=16"),
            *(f"runs={tmp_path / memory}", f"dataset.memory_gb={memory}"),
        )
        folders.append(tmp_path / memory / "default" / train(config).run)
    assert "the rows are streamed from" in (folders[1] / "log.txt").read_text()
    for name in ("predictions/val.parquet", "predictions/test.parquet", "model.safetensors"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()


def test_an_epoch_goes_on_where_it_was_left(people):
    loaders = [
        build.data(config_of(people, "csv", "batch_size=16", f"dataset.memory_gb={memory}"))
        for memory in ("null", "0")
    ]
    whole, rest = (data.train_dataloader() for data in loaders)
    rest.done = (0, 3)
    ids = [
        [batch["id"].tolist() for block in loader for batch in block] for loader in (whole, rest)
    ]
    assert ids[0][3:] == ids[1]


def test_a_changed_file_takes_the_place_of_the_old_one(people, cache):
    build.data(config_of(people, "csv", "dataset.memory_gb=0"))
    (entry,) = (cache / "streamed").iterdir()
    os.close(cache_locks.HELD.pop(entry))  # as if the process had ended
    file = people.with_suffix(".csv")
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))
    build.data(config_of(people, "csv", "dataset.memory_gb=0"))
    (other,) = (cache / "streamed").iterdir()
    assert other.name.split("-")[0] == entry.name.split("-")[0]
    assert other != entry


def test_a_full_disk_is_one_line(people, cache, monkeypatch):
    def refuse(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with pytest.raises(LeptonError, match=r"the disk is full; .*LEPTON_CACHE") as e:
        build.data(config_of(people, "csv", "dataset.memory_gb=0"))
    assert str(cache) in str(e.value)
    assert "\n" not in str(e.value)
    assert list((cache / "streamed").iterdir()) == []


def test_room_is_made_by_removing_what_was_not_used_for_longest(people, cache, monkeypatch):
    for seed in (1, 2):
        build.data(config_of(people, "csv", "dataset.memory_gb=0", f"dataset.split_seed={seed}"))
    entries = sorted((cache / "streamed").iterdir(), key=lambda path: path.stat().st_mtime)
    for age, entry in enumerate(entries):
        os.close(cache_locks.HELD.pop(entry))
        os.utime(entry / "lock", (1000 + age, 1000 + age))
    reserve, refused = os.posix_fallocate, []

    def refuse_once(*arguments):
        if not refused:
            refused.append(arguments)
            raise OSError(errno.ENOSPC, "No space left on device")
        reserve(*arguments)

    monkeypatch.setattr(os, "posix_fallocate", refuse_once)
    build.data(config_of(people, "parquet", "dataset.memory_gb=0"))
    assert refused
    left = {path.name for path in (cache / "streamed").iterdir()}
    assert left >= {entries[1].name}
    assert entries[0].name not in left


class FirstRows(Parquet):
    """A class of the user's own, which changes what is read."""

    def read(self):
        frame, _ = super().read()
        return frame.head(120), None


def test_a_class_that_reads_in_its_own_way_is_read_so(people):
    config = config_of(people, "parquet", "dataset.memory_gb=0")
    shipped = build.unread_data(config)
    own = FirstRows.__new__(FirstRows)
    own.__dict__ = shipped.__dict__
    own.setup()
    assert own.streamed_from is None
    assert "dataset.memory_gb=0, but FirstRows reads" in own.read_whole
    assert max(int(rows["id"].max()) for rows in own.splits.values()) == 119


def test_large_csv_files_are_read_by_way_of_the_disk(people, cache, monkeypatch):
    in_memory = build.data(config_of(people, "csv"))
    for module in (csv_file, text_file):
        monkeypatch.setattr(module, "IN_MEMORY_BYTES", 0)
    same_data(build.data(config_of(people, "csv")), in_memory)
    file = people.with_suffix(".csv")
    file.write_bytes(file.read_bytes().decode().encode("utf-16"))
    same_data(build.data(config_of(people, "csv", "dataset.encoding=utf-16")), in_memory)
    assert list((cache / "scratch").iterdir()) == []


def test_without_a_budget_half_of_the_memory_is_one(tmp_path, monkeypatch):
    limit = tmp_path / "limit"
    monkeypatch.setattr(machine_memory, "GROUP_LIMITS", (str(limit),))
    whole = machine_memory.usable_memory()
    for text, memory in (("max\n", whole), ("1000000", 1_000_000)):
        limit.write_text(text)
        assert budget_bytes(None) == memory / 2
    assert budget_bytes(1.5) == 1.5e9


def test_a_parquet_table_gives_its_columns_and_blocks_as_one_frame(people):
    table = ParquetTable(str(people.with_suffix(".parquet")))
    whole = pd.read_parquet(people.with_suffix(".parquet"))
    names = ["owner", "income"]
    assert len(table) == len(whole)
    pd.testing.assert_series_equal(table["owner"], whole["owner"])
    blocks = list(table.blocks(names, 60))
    assert max(map(len, blocks)) <= 60
    pd.testing.assert_frame_equal(pd.concat(blocks, ignore_index=True), whole[names])
