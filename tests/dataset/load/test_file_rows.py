"""Files that are decoded while training: the same rows, batches and runs as where they are kept."""

import threading

import numpy as np
import pandas as pd
import pytest
import torch

from lepton import build, compose, train
from lepton.config.check import check
from lepton.config.identity import run_id
from lepton.dataset.load.ahead import one_ahead
from lepton.dataset.load.file_rows import FileRows, holds_files
from lepton.errors import DataError
from lepton.storage.results import finished_result
from tests.picture_files import write_photos
from tests.sound_files import write_tones

PICTURES = ("dataset=image_folder", "dataset.size=8", "model=cnn_small", "model.channels=[4]")
SOUNDS = ("dataset=audio_folder", "dataset.seconds=0.2", "dataset.rate=8000", "model=audio_cnn")
WAVES = (*SOUNDS, "model.spectrum.keep=false")
CLIPS = ("dataset=video_folder", "dataset.size=8", "dataset.frames=3", "model=frame_network")
SMALL_CLIPS = (*CLIPS, "model.pooling=mean", "model.backbone.channels=[4]", "model.layer=null")
KINDS = {"image": PICTURES, "log_mel": SOUNDS, "audio": WAVES, "video": SMALL_CLIPS}
SHORT = ("trainer=cpu", "trainer.max_epochs=2", "batch_size=3", "optimizer.lr=1e-2")
DECODED = "dataset.cache_gb=0"
SAME = ("predictions/val.parquet", "predictions/test.parquet", "model.safetensors")


@pytest.fixture
def files(tmp_path):
    """Makes a folder of files of a kind, and returns the words of a config that reads it."""

    def files(kind):
        folder = tmp_path / kind
        if kind == "image":
            write_photos(folder)
        elif kind == "video":
            pytest.importorskip("av")
            from tests.video_files import write_clips

            write_clips(folder)
        else:
            pytest.importorskip("soundfile")
            write_tones(folder)
        return (*KINDS[kind], f"dataset.path={folder}", *SHORT)

    return files


def data_of(*words):
    return build.data(check(compose(*words)))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_are_decoded_when_asked_for_are_those_that_are_kept(kind, files):
    words = files(kind)
    kept, decoded = data_of(*words), data_of(*words, DECODED)
    assert "disk, more than dataset.cache_gb=0" in decoded.streamed_from
    assert kept.spec == decoded.spec
    assert [*map(str, kept.notes)] == [*map(str, decoded.notes)]
    for split, rows in kept.splits.items():
        assert holds_files(decoded.splits[split])
        for name, tensor in rows.items():
            assert torch.equal(tensor, decoded.splits[split][name])
    for of_kept, of_decoded in (
        (kept.train_dataloader(), decoded.train_dataloader()),
        ([kept.predict_dataloader("val")], [decoded.predict_dataloader("val")]),
    ):
        expected, batches = ([b for block in x for b in block] for x in (of_kept, of_decoded))
        assert len(expected) == len(batches)
        for one, other in zip(expected, batches, strict=True):
            assert one.keys() == other.keys()
            assert all(torch.equal(one[name], other[name]) for name in one)
            assert not holds_files(other)


def trained(folder, *words):
    return folder / "default" / train(compose(*words, f"runs={folder}")).run


@pytest.mark.slow
def test_a_run_on_files_decoded_by_batch_is_the_run_on_kept_ones_whatever_the_threads(
    files, tmp_path
):
    words = files("image")
    ways = {"kept": (), "none": (DECODED, "dataset.decoding_threads=0"), "two": (DECODED,)}
    runs = [trained(tmp_path / way, *words, *keys) for way, keys in ways.items()]
    assert len({run.name for run in runs}) == 1
    for name in SAME:
        assert len({(run / name).read_bytes() for run in runs}) == 1
    histories = [pd.read_parquet(run / "history.parquet").drop(columns="seconds") for run in runs]
    pd.testing.assert_frame_equal(histories[0], histories[1])
    pd.testing.assert_frame_equal(histories[0], histories[2])
    assert (
        "streamed from their files, which 2 threads decode anew"
        in (runs[2] / "log.txt").read_text()
    )
    assert finished_result(runs[0]).metrics == finished_result(runs[2]).metrics


@pytest.mark.slow
@pytest.mark.parametrize("threads", [0, 2])
def test_an_epoch_goes_on_in_its_middle_with_the_batches_that_were_left(threads, files):
    words = files("image")
    whole = data_of(*words).train_dataloader()
    rest = data_of(*words, DECODED, f"dataset.decoding_threads={threads}").train_dataloader()
    rest.done = (0, 2)
    expected, batches = ([b for block in loader for b in block] for loader in (whole, rest))
    assert len(batches) == len(expected) - 2
    for one, other in zip(expected[2:], batches, strict=True):
        assert torch.equal(one["image"], other["image"])


@pytest.mark.parametrize(("kind", "ending"), [("image", "png"), ("log_mel", "wav")])
def test_a_file_that_goes_or_changes_while_a_model_trains_is_named(kind, ending, files):
    words = files(kind)
    data = data_of(*words, DECODED)
    table, _ = data.read()
    paths = [table.iloc[int(row), 0] for row in data.splits["train"]["id"][:2]]
    other = table.iloc[int(data.splits["val"]["id"][0]), 0]
    with open(other, "rb") as source, open(paths[0], "wb") as target:
        target.write(source.read())
    loader = data.train_dataloader()
    with pytest.raises(DataError, match=rf"{paths[0]}: has changed since the data were read"):
        list(loader)
    with open(paths[0], "wb"):
        pass
    with pytest.raises(DataError, match=rf"{paths[0]}: (no picture|no sound) that can be read"):
        list(loader)


@pytest.mark.slow
def test_budget_and_threads_are_no_part_of_a_run_and_a_budget_needs_a_size(files):
    words = files("image")
    keys = [(), (DECODED,), ("dataset.cache_gb=3", "dataset.decoding_threads=7")]
    assert len({run_id(check(compose(*words, *more))) for more in keys}) == 1
    assert data_of(*words, "dataset.cache_gb=1").streamed_from is None
    with pytest.raises(DataError, match=r"dataset\.cache_gb=0: .*give dataset\.size"):
        data_of(*words, DECODED, "dataset.size=null")


@pytest.mark.slow
def test_files_that_do_not_fit_twice_are_decoded_where_memory_is_short_too(files):
    words = files("image")  # 24 pictures of 8 x 8 x 3: 4.6 kB
    short = (*words, "dataset.memory_gb=0")
    assert not holds_files(data_of(*short, "dataset.cache_gb=1e-5").splits["train"])
    assert holds_files(data_of(*short, "dataset.cache_gb=8e-6").splits["train"])
    assert not holds_files(data_of(*words, "dataset.cache_gb=8e-6").splits["train"])


def test_all_that_is_done_with_rows_of_files_is_done_with_their_values():
    values = np.random.default_rng(0).normal(size=(9, 4, 2)).astype(np.float32)
    numbers = np.array([7, 0, 3, 8])
    rows = FileRows(lambda some: values[some, :3], numbers, (4, 2), torch.float32, ahead=False)
    whole = torch.from_numpy(values[numbers])
    whole[:, 3:] = 0
    for do in (
        lambda t: t[1:3],
        lambda t: t[torch.tensor([2, 0])],
        lambda t: t[torch.tensor([True, False, True, True])],
        lambda t: t.index_select(0, torch.tensor([1])),
        lambda t: t[:, :2],
        lambda t: t[:, 1:, 0],
        lambda t: t * 2 + t.mean(),
        lambda t: torch.cat([t, t.detach()]),
        lambda t: torch.from_numpy(t.numpy()),
        lambda t: t.to(torch.float64),
    ):
        assert torch.equal(do(rows), do(whole))
    assert (len(rows), rows.nbytes, rows.shape) == (len(whole), whole.nbytes, whole.shape)


def test_items_are_made_one_ahead_and_the_maker_ends_with_the_loop():
    made, closed = [threading.Event() for _ in range(9)], []

    def items():
        try:
            for number in range(9):
                made[number].set()
                yield number
        finally:
            closed.append(True)

    for number in one_ahead(items()):
        assert made[number + 1].wait(5)
        if number == 3:
            break
    assert closed == [True]
    assert not made[5].is_set()
    assert [*one_ahead(n for n in range(4))] == [0, 1, 2, 3]
