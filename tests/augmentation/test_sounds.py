"""Augmentations of sounds against numpy: samples moved, ratios of power, speeds, stripes."""

import numpy as np
import pytest
import torch

from lepton import compose
from lepton.config.check import check
from lepton.dataset.inputs.audio import AudioInputs
from lepton.errors import ConfigError
from lepton.model.spectra import HIDDEN_BANDS, HIDDEN_TIMES
from tests.augmentation.options import NAMES, batch_of, draw, kinds_of, made, made_up, model_for

SPEC, BATCH = made_up("audio"), batch_of("audio", rows=40)
RATE = SPEC.inputs["audio"]["rate"]
OWN = torch.arange(BATCH["audio"].shape[1]) < BATCH["audio_length"][:, None]


def changed(name, batch=BATCH, **values):
    return batch | made(name, SPEC, **values).on_batch(batch, draw())


def sounds_of(batch):
    """The samples of each sound, as long as it is."""
    pairs = zip(batch["audio"], batch["audio_length"], strict=True)
    return [samples[:length].numpy().astype(float) for samples, length in pairs]


@pytest.mark.parametrize("name", ["time_shift", "gain", "noise", "gaussian_noise", "speed"])
def test_sounds_stay_16_bits_with_silence_behind_them(name):
    after = changed(name)
    assert after["audio"].dtype == torch.int16
    assert (after["audio_length"] >= 1).all()
    for samples, length in zip(after["audio"], after["audio_length"], strict=True):
        assert not samples[length:].any()


@pytest.mark.slow
def test_a_shifted_sound_has_its_samples_elsewhere_and_silence_before_or_behind():
    shifts = []
    for first, second in zip(
        sounds_of(BATCH), sounds_of(changed("time_shift", milliseconds=20.0)), strict=True
    ):
        candidates = range(-RATE // 50, RATE // 50 + 1)

        def moved(by, first=first):
            padded = np.pad(first, RATE // 50)
            return padded[RATE // 50 - by : len(padded) - RATE // 50 - by]

        shifts.append(next(by for by in candidates if np.array_equal(moved(by), second)))
    assert min(shifts) < -150
    assert max(shifts) > 150


def test_a_gain_multiplies_by_as_many_decibels_at_most():
    quiet = BATCH | {"audio": BATCH["audio"] // 16}
    before, after = (sounds_of(batch) for batch in (quiet, changed("gain", quiet, decibels=12.0)))
    decibels = [20 * np.log10(np.std(b) / np.std(a)) for a, b in zip(before, after, strict=True)]
    assert 10 < max(decibels) < 12.1
    assert -12.1 < min(decibels) < -10
    for a, b, level in zip(before, after, decibels, strict=True):
        assert np.abs(b - a * 10 ** (level / 20)).max() < 4


@pytest.mark.parametrize("ratio", [10.0, 30.0])
def test_noise_has_the_ratio_of_power_that_was_asked_for(ratio):
    quiet = BATCH | {"audio": BATCH["audio"] // 4}
    after = changed("noise", quiet, low=ratio, high=ratio)
    for first, second in zip(sounds_of(quiet), sounds_of(after), strict=True):
        measured = 10 * np.log10(np.mean(first**2) / np.mean((second - first) ** 2))
        assert measured == pytest.approx(ratio, abs=0.5)


def test_ratios_lie_between_the_two_and_the_wrong_way_round_is_refused():
    quiet = BATCH | {"audio": BATCH["audio"] // 8}
    after = changed("noise", quiet, low=5.0, high=25.0)
    pairs = zip(sounds_of(quiet), sounds_of(after), strict=True)
    measured = [10 * np.log10(np.mean(a**2) / np.mean((b - a) ** 2)) for a, b in pairs]
    assert 4.5 < min(measured) < 8
    assert 22 < max(measured) < 25.5
    with pytest.raises(ConfigError, match=r"noise\.low: 9\.0 is above augmentation\.noise\.high"):
        made("noise", low=9.0, high=1.0)


def test_gaussian_noise_has_its_share_of_each_sounds_loudness():
    quiet = BATCH | {"audio": BATCH["audio"] // 8}
    after = changed("gaussian_noise", quiet, std=0.5)
    for first, second in zip(sounds_of(quiet), sounds_of(after), strict=True):
        share = np.std(second - first) / np.sqrt(np.mean(first**2))
        assert share == pytest.approx(0.5, rel=0.06)


def test_a_faster_sound_is_numpys_interpolation_at_places_farther_apart():
    after = changed("speed", change_of_speed=0.2)
    chances = draw().each(BATCH["id"]).uniform((1,))[:, 0].double().numpy()
    width = BATCH["audio"].shape[1]
    for first, second, chance in zip(sounds_of(BATCH), sounds_of(after), chances, strict=True):
        speed = 1 + 0.2 * (2 * chance - 1)
        assert abs(len(second) - min(width, len(first) / speed)) <= 1
        places = np.arange(len(second)) * speed
        expected = np.interp(places, np.arange(len(first)), first)
        assert np.abs(second - expected).max() < 32  # places have 32 bits


@pytest.mark.parametrize("name", [name for name in NAMES if "audio" in kinds_of(name)])
def test_methods_on_waveforms_are_refused_where_spectra_are_kept_in_their_place(name, tmp_path):
    words = ("dataset=audio_folder", f"dataset.path={tmp_path}", "model=audio_cnn")
    kept = (*words, f"augmentation={name}", "model.spectrum.keep=true")
    config = check(compose(*kept))
    if name == "spec_augment":
        assert AudioInputs.parts(config)["spectrum"]["keep"]
        return
    with pytest.raises(ConfigError, match=rf"spectrum\.keep: augmentation={name} changes wavef"):
        AudioInputs.parts(config)


@pytest.fixture(scope="module")
def spectrum():
    return model_for(SPEC)


def test_stripes_of_a_spectrum_are_hidden_behind_its_mean_and_the_rest_stays(spectrum):
    method = made("spec_augment", band_stripes=1, bands=0.4, time_stripes=1, time=0.3)
    batch = method.prepare(spectrum, SPEC) and method.on_batch(BATCH, draw())
    (whole, frames), (shown, _) = spectrum(BATCH), spectrum(batch)
    band_counts, time_shares = [], []
    for row in range(40):
        length = int(frames[row])
        is_hidden = shown[row, :length] != whole[row, :length]
        assert not shown[row, :length][is_hidden].any()  # the mean, where spectra are scaled
        bands, times = is_hidden.all(0), is_hidden.all(1)
        assert torch.equal(is_hidden, bands[None] | times[:, None])
        for stripe in (bands, times):
            assert int((stripe[1:] != stripe[:-1]).sum()) <= 2
        band_counts.append(int(bands.sum()))
        time_shares.append(float(times.double().mean()))
        edges = batch[HIDDEN_BANDS][row, 0] * 20, batch[HIDDEN_TIMES][row, 0] * length
        for stripe, (begin, end) in zip((bands, times), edges, strict=True):
            middles = torch.arange(len(stripe)) + 0.5
            assert torch.equal(stripe, (begin <= middles) & (middles < end))
    assert max(band_counts) in (7, 8)
    assert min(band_counts) <= 1
    assert 0.25 < max(time_shares) <= 0.33


def test_a_model_without_a_spectrum_is_refused():
    with pytest.raises(ConfigError, match=r"spec_augment, model: this model makes no spectrum"):
        made("spec_augment").prepare(torch.nn.Linear(1, 1), SPEC)
