"""A run is found by its id alone, whatever its folder is called."""

import os
import time

import pytest

from lepton.storage import run_names
from lepton.storage.run_names import id_of, readable_name, run_name, run_of

ID = "0123456789"


@pytest.fixture
def study(tmp_path, monkeypatch):
    """An empty study that nothing is known of."""
    monkeypatch.setattr(run_names, "STUDIES", {})
    monkeypatch.setattr(run_names, "WAIT", 0)  # where a machine is busy, a reading takes long
    return tmp_path


def test_a_run_without_a_folder_gets_a_name_and_keeps_it(study):
    assert run_name(study, "loans-mlp-s0", ID) == f"loans-mlp-s0-{ID}"
    assert run_name(study, "copy-mlp-s0", ID) == f"loans-mlp-s0-{ID}"
    assert run_name(study / "absent", "copy-mlp-s0", ID) == f"copy-mlp-s0-{ID}"


@pytest.mark.parametrize("state", ["", ".part", ".failed", ".pruned", ".old"])
def test_a_run_in_any_state_keeps_the_name_that_it_has(study, state):
    (study / f"csv-mlp-s0-{ID}{state}").mkdir()
    assert run_name(study, "loans-mlp-s0", ID) == f"csv-mlp-s0-{ID}"
    assert run_name(study, "loans-mlp-s0", ID[::-1]) == f"loans-mlp-s0-{ID[::-1]}"


def test_of_several_folders_the_finished_one_counts_and_then_the_one_in_progress(study):
    for name in (f"a-{ID}.failed", f"b-{ID}.part", f"c-{ID}.pruned"):
        (study / name).mkdir()
    assert run_name(study, "new", ID) == f"b-{ID}"
    (study / f"d-{ID}").mkdir()
    time.sleep(0.01)
    assert run_name(study, "new", ID) == f"d-{ID}"


def test_what_another_process_writes_meanwhile_is_seen(study):
    assert run_name(study, "a", ID[::-1]) == f"a-{ID[::-1]}"
    (study / f"theirs-{ID}").mkdir()
    os.utime(study, (time.time() - 60, time.time() - 60))
    time.sleep(0.01)
    assert run_name(study, "mine", ID) == f"theirs-{ID}"


def test_the_id_is_the_end_of_a_name():
    assert id_of(f"csv-mlp-s0-{ID}") == ID
    assert id_of("no-id") == "no-id"
    assert run_of(f"a-{ID}.failed") == run_of(f"a-{ID}") == f"a-{ID}"
    assert run_of("a.b") == "a.b"


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["loans", "mlp", "s0"], "loans-mlp-s0"),
        (["../a b", "mlp"], "_a_b-mlp"),
        (["-rf", "ümlaut"], "rf-_mlaut"),
        (["...", "mlp"], "data-mlp"),
        (["x" * 300, "mlp"], "x" * 60 + "-mlp"),
    ],
)
def test_words_become_the_plain_beginning_of_a_folders_name(words, name):
    assert readable_name(words) == name
