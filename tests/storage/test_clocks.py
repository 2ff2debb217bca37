"""Clocks without a battery, and those that are set back, change no run and hide none."""

import os
import time
import zipfile

import pytest

from lepton.storage import run_names
from lepton.storage.results import finished_result
from lepton.storage.run_names import run_name

SMALL = ("dataset=wine", "trainer.max_epochs=2", "batch_size=64")
ID = "0123456789"


def clock_that_says(*times):
    """A clock that goes from one of these times to the next, and stays at the last."""
    left = list(times)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


CLOCKS = [(5.0,), (4_000_000_000.0, 1_000_000_000.0, 5.0), (-86_400.0,), (5_000_000_000.0,)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "clock"),
    [
        ("mlp_small", CLOCKS[1]),
        *(
            pytest.param(model, clock, marks=pytest.mark.slow)
            for model in ("mlp_small", "gradient_boosting")
            for clock in CLOCKS
        ),
    ],
)
def test_a_run_is_the_same_whatever_the_clock_says(run, fingerprint, monkeypatch, model, clock):
    expected = fingerprint(run(*SMALL, f"model={model}", "study=right"))
    monkeypatch.setattr(time, "time", clock_that_says(*clock))
    folder = run(*SMALL, f"model={model}", "study=wrong")
    assert fingerprint(folder) == expected
    assert finished_result(folder).seconds > 0
    with zipfile.ZipFile(folder / "preprocessing.skops") as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_names_that_others_give_are_seen_after_the_clock_was_set_back(tmp_path, monkeypatch):
    monkeypatch.setattr(run_names, "STUDIES", {})
    assert run_name(tmp_path, "a", ID[::-1]) == f"a-{ID[::-1]}"
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 86_400)
    (tmp_path / f"theirs-{ID}").mkdir()
    os.utime(tmp_path, (now - 86_400, now - 86_400))
    time.sleep(0.01)
    assert run_name(tmp_path, "mine", ID) == f"theirs-{ID}"
