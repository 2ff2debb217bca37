"""Sounds of every kind become one channel of 16 bits at one rate."""

import io
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from lepton.audio.decoding import decode, look
from lepton.errors import DataError, LeptonError
from tests.sound_files import RATE, tone, write_sound

soundfile = pytest.importorskip("soundfile")
SAMPLES = tone(440, 0)


def samples_of(sound, rate=RATE, seconds=None, max_seconds=600):
    return decode(sound, rate=rate, seconds=seconds, max_seconds=max_seconds)[0]


@pytest.mark.parametrize("ending", ["wav", "flac", "aiff", "au"])
def test_16_bits_of_one_channel_come_as_they_were_written(ending, tmp_path):
    path = tmp_path / f"a.{ending}"
    write_sound(path, SAMPLES)
    assert np.array_equal(samples_of(path), SAMPLES)
    assert np.array_equal(samples_of(path.read_bytes()), SAMPLES)
    assert np.array_equal(samples_of({"path": None, "bytes": path.read_bytes()}), SAMPLES)


def test_arrays_are_sounds_with_a_rate_of_their_own_or_the_data_sets(tmp_path):
    floats = SAMPLES / np.float32(32768)
    for sound in (SAMPLES, floats, SAMPLES[:, None], SAMPLES.astype(np.int32) << 16):
        assert np.array_equal(samples_of(sound), SAMPLES)
        assert np.array_equal(samples_of({"array": sound, "sampling_rate": RATE}), SAMPLES)
    assert look(SAMPLES, rate=44_100, max_seconds=9).rate == 44_100


def test_ogg_is_near_what_was_written(tmp_path):
    write_sound(tmp_path / "a.ogg", tone(440, 0, samples=8000))
    read = samples_of(tmp_path / "a.ogg")
    assert len(read) == 8000
    assert np.corrcoef(read, tone(440, 0, samples=8000))[0, 1] > 0.99


def test_channels_become_their_mean_at_the_rate_that_is_asked_for(tmp_path):
    pytest.importorskip("soxr")
    seconds = np.arange(96_000 // 2) / 96_000
    left = 0.8 * np.sin(2 * np.pi * 500 * seconds)
    write_sound(tmp_path / "a.wav", np.stack([left, np.zeros_like(left)], 1), 96_000)
    samples, head = decode(tmp_path / "a.wav", rate=RATE, seconds=None, max_seconds=9)
    assert (head.rate, head.channels, len(samples)) == (96_000, 2, RATE // 2)
    expected = 0.4 * np.sin(2 * np.pi * 500 * np.arange(RATE // 2) / RATE)
    inside = slice(200, -200)  # where resampling sees both sides
    assert np.abs(samples / 32768 - expected)[inside].max() < 1e-3


def test_a_sound_is_cut_as_if_it_had_been_read_whole(tmp_path):
    pytest.importorskip("soxr")
    write_sound(tmp_path / "a.wav", tone(300, 1, samples=9000))
    for rate in (RATE, 16_000):
        whole = samples_of(tmp_path / "a.wav", rate)
        cut = samples_of(tmp_path / "a.wav", rate, seconds=0.5)
        assert len(cut) == rate // 2
        assert np.abs(cut.astype(int) - whole[: len(cut)]).max() <= 1


@pytest.mark.parametrize("rate", [RATE, 16_000])
def test_samples_beyond_one_are_clipped_and_counted_where_they_are_heard(rate, tmp_path):
    pytest.importorskip("soxr")
    wave = np.zeros((RATE, 2), np.float32)
    wave[100:130], wave[200:300, 0], wave[6000:] = 1.5, 1.5, -4.0  # both, one channel, behind
    soundfile.write(tmp_path / "a.wav", wave, RATE, subtype="FLOAT")
    samples, head = decode(tmp_path / "a.wav", rate=rate, seconds=0.5, max_seconds=9)
    assert head.clipped == 30
    assert samples.max() == 32767
    whole = decode(tmp_path / "a.wav", rate=rate, seconds=None, max_seconds=9)[1]
    assert whole.clipped == 30 + 2000


def truncated(ending):
    content = io.BytesIO()
    samples = np.random.default_rng(0).integers(-9000, 9000, 8000).astype(np.int16)
    soundfile.write(content, samples, RATE, format=ending)
    return content.getvalue()[: len(content.getvalue()) // 2]


@pytest.mark.parametrize(
    ("sound", "words"),
    [
        (b"hello", "no sound that can be read"),
        (b"", "no sound that can be read"),
        ("nowhere.wav", "no such file"),
        (truncated("WAV"), r"is truncated: \d+ of its 16000 bytes"),
        (truncated("FLAC"), "cannot be decoded"),
        (truncated("OGG"), "has no samples"),
        (SAMPLES[:0], "has no samples"),
        (np.full(9, np.nan, np.float32), "no numbers"),
        (np.array([0.0, 3.0]), "go beyond -1 to 1"),
        (np.array([True]), "an array of bool is no sound"),
        (np.zeros((2, 100), np.int16), r"shape \(2, 100\) is no sound"),
        (np.zeros(20 * RATE, np.int16), r"20 s are more than dataset\.max_seconds=10"),
        ({"array": SAMPLES, "sampling_rate": 2**32 - 1}, "at 4294967295 Hz are no sound"),
        (7, "int is no sound"),
        (None, "holds no sound"),
    ],
)
def test_what_is_wrong_with_a_sound_is_said(sound, words):
    with pytest.raises(DataError, match=words):
        samples_of(sound, max_seconds=10)


def test_packages_that_are_missing_are_named_with_their_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "soxr", None)
    with pytest.raises(LeptonError, match=r"8000 to 16000 Hz: needs soxr; .*\[resample\]"):
        samples_of({"array": SAMPLES, "sampling_rate": RATE}, 16_000)
    monkeypatch.setitem(__import__("sys").modules, "soundfile", None)
    with pytest.raises(LeptonError, match=r"needs soundfile; .*\[audio\]"):
        samples_of(b"RIFF")


@pytest.mark.slow
def test_what_is_no_sound_is_said_also_where_other_threads_open_sounds(tmp_path):
    """Where soundfile is older than 0.14, which may tell another thread's success."""
    sound, other = tmp_path / "a.wav", tmp_path / "b.wav"
    write_sound(sound, SAMPLES)
    other.write_text("no sound")

    def said(path):
        try:
            return len(samples_of(path))
        except DataError as e:
            return str(e)

    with ThreadPoolExecutor(8) as pool:
        told = Counter(pool.map(said, [sound, other] * 400))
    words = "no sound that can be read (empty, or of another kind)"
    assert told == {len(SAMPLES): 400, words: 400}
