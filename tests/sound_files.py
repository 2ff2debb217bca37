"""Small files of sounds, for tests."""

import numpy as np
import pandas as pd

RATE, CLASSES, FILES = 8000, ("high", "low"), 12


def tone(frequency, seed, *, samples=1600, rate=RATE):
    """A sine with noise. Shapes: (samples,) int16."""
    noise = np.random.default_rng(seed).normal(0, 0.02, samples)
    wave = 0.4 * np.sin(2 * np.pi * frequency * np.arange(samples) / rate)
    return np.round((wave + noise) * 32767).astype(np.int16)


def write_sound(path, samples, rate=RATE):
    """Writes samples in the format of the path's ending."""
    import soundfile

    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate)


def write_tones(folder, files=FILES):
    """A folder of two classes of tones of unequal length, and beside it a table with a pitch."""
    rows = []
    for number, name in enumerate(CLASSES):
        for i in range(files):
            samples = tone((1500, 300)[number], 100 * number + i, samples=1200 + 80 * i)
            write_sound(folder / name / f"{i}.wav", samples)
            rows.append((f"{name}/{i}.wav", name, f"s{i % 4}", i % 3))
    table = pd.DataFrame(rows, columns=["file", "pitch", "who", "grade"])
    table.to_csv(folder.with_suffix(".csv"), index=False)


def write_recordings(folder, speakers=6, takes=6):
    """A flat folder of files as 1_s2_3.wav: two digits by speakers, several takes each."""
    for digit in range(2):
        for number in range(speakers):
            for take in range(takes):
                samples = tone(300 + 900 * digit, 99 * digit + 10 * number + take, samples=800)
                write_sound(folder / f"{digit}_s{number}_{take}.wav", samples)
