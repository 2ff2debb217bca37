"""Two flipped bytes in an entry of the cache, of any kind, change no data and no prediction."""

import re
from pathlib import Path

import pandas as pd
import pytest
import torch

import lepton
from lepton import build, compose, train
from lepton.config.check import check
from lepton.evaluation.told_runs import run_outputs
from lepton.storage import file_digests
from tests.flipped_bytes import entry_files, flip
from tests.picture_files import write_npz, write_photos
from tests.sound_files import write_tones
from tests.video_files import write_clips

QUICK = ("trainer=cpu", "trainer.max_epochs=1", "trainer.progress=false")
WINE = ("dataset=wine", "model=mlp_small")
TEXTS = ("dataset=text_csv", "dataset.path=texts.csv", "dataset.text=text", "dataset.target=y")
READER = ("model=transformer_tiny", "model.architecture.hidden_size=8")
PHOTOS = ("dataset=image_folder", "dataset.path=photos", "dataset.size=8", "model=cnn_small")
WAYS = {  # to fill entries of these kinds, by the words of data
    "pictures": PHOTOS,
    "pictures-seen statistics": (*PHOTOS, "dataset.cache_gb=0"),
    "sounds spectra": ("dataset=audio_folder", "dataset.path=tones", "model=audio_cnn"),
    "clips": ("dataset=video_folder", "dataset.path=clips", "model=frame_network"),
    "unpacked": ("dataset=npz", "dataset.path=set.npz", "model=cnn_small", "dataset.memory_gb=0"),
    "streamed": (
        "dataset=csv",
        "dataset.path=loans.csv",
        "dataset.target=y",
        "dataset.memory_gb=0",
    ),
    "tokens tokenizer": (*TEXTS, *READER),
}
RUNS = {  # by the words of runs
    "features linear_probes": (*WINE, "finetune=head", "init_from=source"),
    "outputs": WINE,
}
SLOW = ("streamed", "features linear_probes")


@pytest.fixture
def files(here):
    """The files that data are read from."""
    write_photos(here / "photos")
    write_tones(here / "tones")
    write_clips(here / "clips")
    write_npz(here / "set.npz")
    numbers = range(60)
    table = pd.DataFrame({"age": [i * 7 % 31 for i in numbers], "y": [i % 2 for i in numbers]})
    table.to_csv("loans.csv", index=False)
    texts = [f"no {i} is {'fine' if i % 2 else 'dull'}" for i in numbers]
    pd.DataFrame({"text": texts, "y": table["y"]}).to_csv("texts.csv", index=False)


def data_of(words):
    data = build.data(check(compose(*words)))
    return {
        "spec": data.spec,
        **{
            f"{split}.{name}": values.clone()
            for split, rows in data.splits.items()
            for name, values in rows.items()
            if isinstance(values, torch.Tensor)  # rows of files are none
        },
    }


def outputs_of(words):
    if "init_from=source" in words and not Path("runs/source").exists():
        train(compose(*WINE, *QUICK, "study=source"))
    folder = Path("runs/default") / train(compose(*words, *QUICK, "rerun=true")).run
    predictions = pd.read_parquet(folder / "predictions" / "test.parquet")
    return {
        "predictions": torch.from_numpy(predictions.select_dtypes("number").to_numpy()),
        **{f"told.{name}": values for name, values in vars(run_outputs(folder)).items()},
    }


def same(before, after):
    assert before.keys() == after.keys()
    for name, values in before.items():
        assert torch.equal(values, after[name]) if name != "spec" else values == after[name], name


def cases():
    for kinds, words in (WAYS | RUNS).items():
        marks = [pytest.mark.slow] if kinds in SLOW else []
        yield pytest.param(kinds, words, outputs_of if kinds in RUNS else data_of, marks=marks)


@pytest.mark.slow
@pytest.mark.parametrize(("kinds", "words", "compute"), [*cases()])
def test_entries_with_flipped_bytes_are_made_anew_with_a_line(
    kinds, words, compute, files, cache, caplog
):
    before = compute(words)
    entries = entry_files(cache)
    assert {*kinds.split()} <= {entry.parent.name for entry in entries}
    for turn in range(max(map(len, entries.values()))):
        damaged = {entry: own[turn] for entry, own in entries.items() if turn < len(own)}
        for file in damaged.values():
            size = file.stat().st_size
            flip(file, size // 2, size - 1)
        caplog.clear()
        same(before, compute(words))
        for entry in damaged:
            assert caplog.text.count(f"{entry}: damaged (") == 1
    caplog.clear()
    same(before, compute(words))
    assert "damaged" not in caplog.text


@pytest.mark.slow
def test_every_kind_of_entry_is_damaged_here():
    source = "\n".join(path.read_text() for path in Path(lepton.__file__).parent.rglob("*.py"))
    kinds = {
        *re.findall(r'\bcached\(\s*"(\w+)"', source),
        *re.findall(r'\b(?:Array|Decoded)Cache\(\s*"(\w+)"', source),
    }
    assert kinds == {*" ".join([*WAYS, *RUNS]).split()} - {"pictures-seen"}


def test_flipped_bytes_among_kept_digests_are_a_line(here, cache, monkeypatch, caplog):
    monkeypatch.setattr(file_digests, "FEWEST", 1)
    monkeypatch.setattr(file_digests, "SETTLED_NS", -(10**12))
    for number in range(3):
        (here / f"{number}.txt").write_text(f"{number}")
    paths = sorted(here.glob("*.txt"))
    digests = file_digests.digests_of(paths)
    (kept,) = (cache / "digests").iterdir()
    content = kept.read_bytes()
    flip(kept, 90, len(content) - 3)
    assert file_digests.digests_of(paths) == digests
    assert kept.read_bytes() == content
    assert caplog.text.count("damaged") == 1
