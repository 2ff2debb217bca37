"""Corruptions of sounds: ratios, limits and bands that are measured again."""

import numpy as np
import pytest

from lepton.dataset.corruptions.sound import SoundCorruptions

SOUND = np.random.default_rng(0).normal(size=8000) * 1000


def corrupted(name, severity, sound=SOUND):
    return SoundCorruptions.functions[name](sound, severity, np.random.default_rng(1))


@pytest.mark.parametrize(("severity", "decibels"), [(1, 30), (3, 10), (5, 0)])
def test_noise_is_so_many_decibels_below_the_sound(severity, decibels):
    noise = corrupted("white_noise", severity) - SOUND
    assert 20 * np.log10(SOUND.std() / noise.std()) == pytest.approx(decibels, abs=0.3)


def test_samples_above_a_share_of_the_loudest_are_cut_and_others_stay():
    cut, most = corrupted("clipping", 2), 0.3 * np.abs(SOUND).max()
    quiet = np.abs(SOUND) <= most
    np.testing.assert_array_equal(cut[quiet], SOUND[quiet])
    np.testing.assert_allclose(np.abs(cut[~quiet]), most)


@pytest.mark.parametrize(
    ("name", "severity", "passes", "lost"),
    [("low_pass", 3, 800, 1200), ("high_pass", 4, 500, 300), ("low_pass", 5, 300, 500)],
)
def test_tones_outside_of_the_band_are_lost(name, severity, passes, lost):
    times = np.arange(8000) / 8000  # bands are shares of 4000 Hz
    inside, outside = (np.sin(2 * np.pi * pitch * times) for pitch in (passes, lost))
    np.testing.assert_allclose(corrupted(name, severity, inside + outside), inside, atol=1e-8)


@pytest.mark.parametrize("name", SoundCorruptions.functions)
def test_silence_stays_silence(name):
    assert not corrupted(name, 5, np.zeros(50)).any()
