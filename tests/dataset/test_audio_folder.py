"""Folders and tables of files of sounds, and what is wrong with them."""

import re
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from hydra.utils import get_class

from lepton.audio.log_mel import LogMel
from lepton.errors import ConfigError, DataError
from tests.dataset.quick_data import options_of
from tests.sound_files import RATE, tone, write_sound, write_tones

soundfile = pytest.importorskip("soundfile")
SPECTRUM = {"bands": 10, "window": 25, "hop": 10, "low": 20, "high": None, "floor": 1e-6}
NAMED = {"names": ["digit", "speaker", "take"], "target": "digit"}


@pytest.fixture
def folder(tmp_path):
    write_tones(tmp_path / "set")
    return tmp_path / "set"


@pytest.fixture
def named(tmp_path):
    """A flat folder of 2 digits by 5 speakers, 4 takes each."""
    for digit in range(2):
        for number in range(5):
            for take in range(4):
                samples = tone(300 + 900 * digit, 10 * number + take + 100 * digit)
                write_sound(tmp_path / "flat" / f"{digit}_s{number}_{take}.wav", samples)
    return tmp_path / "flat"


def data_of(path, **settings):
    defaults = {"path": str(path), "target": "label", "spectrum": None}
    values = options_of("audio_folder", "_audio") | defaults | settings
    data = get_class(values.pop("_target_"))(**values)
    data.setup()
    return data


def notes_of(data):
    return "\n".join(map(str, data.notes))


def speakers_of(data):
    table = pd.concat([frame for frame in data.read() if frame is not None], ignore_index=True)
    return {
        split: set(table["speaker"].iloc[rows["id"].numpy()]) for split, rows in data.splits.items()
    }


def test_a_split_holds_the_samples_of_its_files_and_zeros_behind_them(folder):
    data = data_of(folder)
    table, _ = data.read()
    assert data.spec.classes == ("high", "low")
    for rows in data.splits.values():
        assert rows["audio"].dtype == torch.int16
        for place, row in enumerate(rows["id"].tolist()):
            expected, _ = soundfile.read(table["audio"][row], dtype="int16")
            length = int(rows["audio_length"][place])
            assert np.array_equal(rows["audio"][place, :length], expected)
            assert not rows["audio"][place, length:].any()
            assert data.spec.classes[int(rows["target"][place])] in table["audio"][row]


@pytest.mark.slow
def test_sounds_are_decoded_once(folder, monkeypatch):
    first = data_of(folder)
    monkeypatch.setattr("lepton.audio.sound_reader.decode", None)
    second = data_of(folder)
    assert torch.equal(first.splits["train"]["audio"], second.splits["train"]["audio"])
    assert notes_of(first) == notes_of(second)
    write_sound(folder / "low" / "0.wav", tone(300, 999))
    with pytest.raises(TypeError):
        data_of(folder)


def test_kept_spectra_are_those_of_the_waveforms_and_scaled_by_train(folder):
    kept, by_batch = (data_of(folder, spectrum=LogMel(**SPECTRUM, keep=k)) for k in (True, False))
    module, frames = LogMel(**SPECTRUM, keep=None).at(RATE), []
    for split, rows in by_batch.splits.items():
        spectra, lengths = module(rows["audio"]), module.frames(rows["audio_length"])
        assert torch.equal(lengths, kept.splits[split]["audio_length"])
        for place, length in enumerate(lengths.tolist()):
            own = kept.splits[split]["log_mel"][place]
            assert torch.allclose(own[:length], spectra[place, :length], atol=1e-5)
            assert not own[length:].any()
            frames += [spectra[place, :length]] if split == "train" else []
    values = torch.cat(frames).double()
    for data in (kept, by_batch):
        assert data.spec.inputs["audio"]["mean"] == pytest.approx(float(values.mean()), rel=1e-5)
        std = float(values.std(correction=0))
        assert data.spec.inputs["audio"]["std"] == pytest.approx(std, rel=1e-5)


@pytest.mark.slow
def test_streamed_rows_are_those_in_memory(folder):
    options = {"seconds": 0.2, "rate": RATE, "spectrum": LogMel(**SPECTRUM, keep=True)}
    whole, streamed = data_of(folder, **options), data_of(folder, memory_gb=1e-9, **options)
    again = data_of(folder, memory_gb=1e-9, **options)
    assert streamed.streamed_from == again.streamed_from != None  # noqa: E711
    for split, rows in whole.splits.items():
        for name, tensor in rows.items():
            assert torch.equal(tensor, streamed.splits[split][name])
            assert torch.equal(tensor, again.splits[split][name])
    assert whole.spec == streamed.spec == again.spec


def test_sounds_that_are_clipped_are_counted_with_the_worst_of_them(folder):
    assert "clipped" not in notes_of(data_of(folder))
    for name, loud in (("high/0", 3), ("low/1", 7)):
        wave = np.full(1600, 0.5, np.float32)
        wave[:loud] = -2.5
        (folder / f"{name}.wav").unlink()
        soundfile.write(folder / f"{name}.wav", wave, RATE, subtype="FLOAT")
    for _ in range(2):  # decoded, then from the cache
        words = r"beyond -1 to 1, clipped there; the most in \S*low/1\.wav, 7 samples \(2\)"
        assert re.search(words, notes_of(data_of(folder)))


@pytest.mark.slow
def test_long_sounds_are_cut_short_ones_padded_and_both_are_counted(folder):
    data = data_of(folder, seconds=0.2)
    lengths = torch.cat([rows["audio_length"] for rows in data.splits.values()])
    assert int(lengths.max()) == 1600
    assert len(lengths.unique()) == 6
    assert "longer than dataset.seconds=0.2, cut; the longest 0.26 s (12)" in notes_of(data)
    fixed = data_of(folder, seconds=0.2, length="fixed")
    assert fixed.splits["train"]["audio_length"].unique().tolist() == [1600]
    assert "shorter than 0.2 s, silence added (10)" in notes_of(fixed)
    with pytest.raises(ConfigError, match=r"length=fixed: needs dataset\.seconds"):
        data_of(folder, length="fixed")
    with pytest.raises(ConfigError, match=r"dataset\.seconds=700: .*dataset\.max_seconds=600"):
        data_of(folder, length="fixed", seconds=700)
    with pytest.raises(ConfigError, match=r"dataset\.rate=2000000: above 1000000 Hz"):
        data_of(folder, rate=2_000_000)


@pytest.mark.slow
def test_speakers_stay_apart_where_they_are_known_and_no_split_is_asked_for(named):
    data = data_of(named, **NAMED)
    train, val, test = speakers_of(data).values()
    assert not train & (val | test)
    assert not val & test
    assert "speakers, each in one split alone; dataset.split=stratified mixes them (5)" in notes_of(
        data
    )
    mixed = data_of(named, **NAMED, split="stratified")
    assert "rows of val and test whose speaker is in train too; dataset.split=group" in notes_of(
        mixed
    )
    renamed = {"names": ["digit", "voice", "take"], "target": "digit"}
    assert "speakers" not in notes_of(data_of(named, **renamed))
    assert "column voice: speakers, each" in notes_of(data_of(named, **renamed, speaker="voice"))
    with pytest.raises(DataError, match=r"dataset\.speaker=voise: no such column.*voice"):
        data_of(named, **renamed, speaker="voise")


@pytest.mark.slow
def test_an_official_split_is_named_by_a_column(named):
    options = {**NAMED, "test_column": "take", "split": "stratified"}
    data = data_of(named, **options, test_values=[0, 1])
    frame, test = data.read()
    assert set(test["take"]) == {"0", "1"}
    assert {*data.splits["test"]["id"].tolist()} == set(range(len(frame), 40))
    one_out = data_of(named, **NAMED, test_column="speaker", test_values=["s3"])
    assert speakers_of(one_out)["test"] == {"s3"}
    assert "s3" not in speakers_of(one_out)["train"] | speakers_of(one_out)["val"]
    with pytest.raises(DataError, match="column 'take' has no '9'; it has 0, 1, 2, 3"):
        data_of(named, **options, test_values=[0, 9])
    with pytest.raises(DataError, match="all rows of column 'take' would be the test"):
        data_of(named, **options, test_values=[0, 1, 2, 3])


def test_names_of_files_must_have_the_parts_that_are_said(named):
    with pytest.raises(DataError, match=r"0_s0_0\.wav: its name has 3 parts between '_'.*has 2"):
        data_of(named, names=["digit", "speaker"], target="digit")
    with pytest.raises(DataError, match="give a column for each part"):
        data_of(named, names=["digit", "digit", "take"], target="digit")


def test_folders_of_classes_may_have_speaking_names_inside(tmp_path):
    for word in ("yes", "no"):
        for number in range(12):
            path = tmp_path / "words" / word / f"s{number % 4}_{number}.wav"
            write_sound(path, tone(300 if word == "no" else 900, number))
    data = data_of(tmp_path / "words", names=["speaker", "take"])
    assert data.spec.classes == ("no", "yes")
    assert "column speaker: speakers, each in one split alone" in notes_of(data)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("../other.wav", r"t\.csv, row 3: '\.\./other\.wav' is outside of dataset\.root"),
        ("", "row 3: column 'file' holds no path"),
        ("low/none.wav", r"low/none\.wav: no such file; dataset\.on_error=skip"),
    ],
)
def test_a_path_that_cannot_be_used_is_named(folder, cell, words):
    rows = [(cell if i == 2 else f"low/{i}.wav", i % 2) for i in range(12)]
    table = folder.parent / "t.csv"
    pd.DataFrame(rows, columns=["file", "y"]).to_csv(table, index=False)
    with pytest.raises(DataError, match=words):
        data_of(table, root=str(folder), audio="file", target="y")


def test_files_that_cannot_be_read_are_named_or_skipped_and_counted(folder):
    (folder / "high" / "3.wav").write_text("no sound")
    content = (folder / "low" / "4.wav").read_bytes()
    (folder / "low" / "4.wav").write_bytes(content[: len(content) // 2])
    write_sound(folder / "low" / "5.wav", tone(300, 0)[:0])
    with pytest.raises(DataError, match=r"high/3\.wav: no sound.*3 such sounds.*on_error=skip"):
        data_of(folder)
    data = data_of(folder, on_error="skip")
    assert sum(len(rows["id"]) for rows in data.splits.values()) == 21
    assert "high/3.wav: no sound that can be read (empty, or of another kind) (3)" in notes_of(data)


def test_sounds_of_several_rates_need_a_rate(folder):
    pytest.importorskip("soxr")
    stereo = np.stack([tone(300, 5, samples=9600, rate=96_000)] * 2, 1)
    write_sound(folder / "low" / "0.flac", stereo, 96_000)
    with pytest.raises(DataError, match=r"low/0\.flac has 96000 Hz; give dataset\.rate, .*=8000"):
        data_of(folder)
    data = data_of(folder, rate=RATE)
    assert "sounds at 96000 Hz, resampled to 8000 (1)" in notes_of(data)
    assert "sounds of several channels, made one by their mean (1)" in notes_of(data)


def test_the_same_samples_in_two_splits_are_dropped_from_training(folder):
    for i in range(6):
        samples, _ = soundfile.read(folder / "high" / f"{i}.wav", dtype="int16")
        write_sound(folder / "low" / f"same{i}.flac", samples)
    data = data_of(folder)
    keys = {
        split: {
            tuple(row[:length].tolist())
            for row, length in zip(rows["audio"], rows["audio_length"].tolist(), strict=True)
        }
        for split, rows in data.splits.items()
    }
    assert not keys["train"] & (keys["val"] | keys["test"])
    assert "sounds that stand under several classes (12)" in notes_of(data)
    assert "rows whose sound is in" in notes_of(data)


@pytest.mark.slow
def test_folders_without_sounds_and_classes_with_one_are_told(folder, tmp_path):
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match=r"set/empty: no sound in the folder of this class"):
        data_of(folder)
    shutil.rmtree(folder / "empty")
    write_sound(folder / "rare" / "0.wav", tone(60, 0))
    with pytest.raises(DataError, match=r"'rare'|rare"):
        data_of(folder)
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match=r"none: no sound in the folder"):
        data_of(tmp_path / "none", names=["a"], target="a")
