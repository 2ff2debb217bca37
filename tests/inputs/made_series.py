"""Writes made-up series: a folder of them by class, and visits with a table beside."""

import json

import numpy as np


def write_series(folder, rows=90, seed=0):
    """A folder of slow and fast waves, of 4 to 30 steps; one of seven lies in the wrong folder."""
    generator = np.random.default_rng(seed)
    for row in range(rows):
        label = ("fast", "slow")[row % 2]
        steps = np.arange(generator.integers(4, 31))
        is_slow = (label == "slow") == (row % 7 > 0)
        values = np.sin(steps * (0.4 if is_slow else 2.2)) + generator.normal(0, 0.3, len(steps))
        file = folder / label / f"{row:03}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(f"{value:.5f}" for value in values))
    return folder


def write_visits(path, rows=120, seed=0):
    """Visits whose outcome depends on the age and on the mean of the pulse."""
    generator = np.random.default_rng(seed)
    lines = []
    for _ in range(rows):
        age, ward = int(generator.integers(20, 90)), "abc"[generator.integers(3)]
        pulse = 60 + 25 * generator.random() + generator.normal(size=generator.integers(3, 20))
        late = (age - 55) / 20 + (pulse.mean() - 72) / 8 + 0.3 * generator.normal() > 0
        values = pulse.round(2).tolist()
        outcome = "ill" if late else "well"
        lines.append({"age": age + 0.5, "ward": ward, "pulse": values, "outcome": outcome})
    path.write_text("\n".join(map(json.dumps, lines)))
    return path
