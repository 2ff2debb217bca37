"""The log-mel spectrum of waveforms, against the slow way."""

import io

import numpy as np
import pytest
import torch

from lepton.audio.log_mel import LogMel, mel_filters
from lepton.audio.spectrogram import spectrogram_png
from lepton.errors import ConfigError
from tests.sound_files import RATE, tone

SETTINGS = {"bands": 20, "window": 25, "hop": 10, "low": 20, "high": None, "floor": 1e-6}


def spectrum(**changes):
    return LogMel(**SETTINGS | {"keep": None} | changes).at(RATE)


def test_it_is_the_log_power_of_each_window_in_each_band():
    audio = tone(700, 0)
    frames = spectrum()(torch.from_numpy(audio)[None])[0].double().numpy()
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(200) / 200)
    filters = mel_filters(20, 256, RATE, 20, RATE / 2)
    assert len(frames) == (len(audio) - 200) // 80 + 1
    for number in (0, 7, len(frames) - 1):
        window = audio[80 * number :][:200] / 32768 * taper
        power = np.abs(np.fft.fft(window, 256)[:129]) ** 2
        expected = np.log(np.maximum(1e-6, power @ filters))
        assert frames[number] == pytest.approx(expected, abs=1e-4)


def test_bands_are_triangles_that_meet_at_their_neighbours_peaks():
    filters = mel_filters(10, 8192, RATE, 100, 3500)
    assert filters.max(0) == pytest.approx(np.ones(10), abs=0.02)
    between = slice(filters[:, 0].argmax(), filters[:, -1].argmax())
    assert filters[between].sum(1) == pytest.approx(1)


def test_frames_do_not_depend_on_what_stands_behind_a_sound():
    module, audio = spectrum(), torch.from_numpy(tone(300, 1))[None]
    padded = torch.nn.functional.pad(audio, (0, 900))
    alone, among = module(audio), module(padded)
    count = int(module.frames(torch.tensor(audio.shape[1])))
    assert alone.shape[1] == count
    assert torch.equal(alone[0], among[0, :count])


def test_a_sound_shorter_than_a_window_has_one_frame():
    module = spectrum()
    assert module(torch.ones(1, 5, dtype=torch.int16)).shape == (1, 1, 20)
    assert module.frames(torch.tensor([1, 199, 200, 279, 280])).tolist() == [1, 1, 1, 1, 2]


def test_it_runs_under_vmap_and_in_64_bits():
    module, audio = spectrum(), torch.from_numpy(np.stack([tone(300, i) for i in range(4)]))
    stacked = torch.vmap(module)(audio.reshape(2, 2, -1))
    assert torch.allclose(stacked.flatten(0, 1), module(audio), atol=1e-5)
    precise = spectrum().double()(audio)
    assert precise.dtype == torch.float64
    assert torch.allclose(precise.float(), module(audio), atol=1e-2)


def test_bands_that_there_are_not_are_refused():
    with pytest.raises(ConfigError, match=r"bands: 200 bands are more than a window of 25 ms"):
        spectrum(bands=200)
    with pytest.raises(ConfigError, match=r"high: 5000 Hz is not between .*half of the rate, 4000"):
        spectrum(high=5000)


def test_a_spectrogram_is_a_picture_with_the_loud_pitch_bright():
    images = pytest.importorskip("PIL.Image")
    image = images.open(io.BytesIO(spectrogram_png(tone(1000, 0, samples=8000), RATE)))
    bright = np.asarray(image.convert("L")).astype(int)
    assert image.size == (98, 96)
    centre = 1 - (bright.sum(1).argmax() + 0.5) / len(bright)
    assert centre == pytest.approx(np.log10(1 + 1000 / 700) / np.log10(1 + 4000 / 700), abs=0.03)
    assert spectrogram_png(tone(1000, 0, samples=1, rate=100), 100)[:4] == b"\x89PNG"
