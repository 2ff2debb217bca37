"""Figures of training are drawn of what each run cost itself."""

import pandas as pd
import pytest

from lepton.report.dataset_runs import DatasetRuns, name_suffix
from lepton.report.figures import training as figures
from lepton.report.sections.training import training_section


def drawn(monkeypatch, trained):
    """The captions of the figures of score against cost, and the seconds that are drawn."""
    frame = pd.DataFrame(
        {
            "folder": [f"absent/{i}" for i in range(len(trained))],
            "trained": trained,
            "seconds": [1.0 + i for i in range(len(trained))],
            "parameters": 10,
            "test/auroc": 0.7,
            "score": 0.1,
        }
    )
    seconds = []
    monkeypatch.setattr(figures, "score_by_cost", lambda runs, *_, **__: seconds.append(runs))
    section = training_section([DatasetRuns(None, frame, "test/auroc")], [], [], left_out=0)
    blocks = [block for block in section.blocks if block.name == "score_by_seconds"]
    for block in blocks:
        block.draw()
    return [block.caption for block in blocks], [[*runs["seconds"]] for runs in seconds]


def test_members_of_a_stack_share_their_time_and_are_left_out_of_score_against_it(monkeypatch):
    captions, seconds = drawn(monkeypatch, ["alone", "stack of 2", "stack of 2", "alone"])
    assert seconds == [[1.0, 4.0]]
    assert captions[0].endswith("Left out: 2 trained in stacks, which share their time.")
    assert drawn(monkeypatch, ["stack of 2", "stack of 2"]) == ([], [])


def test_runs_that_do_not_say_how_they_were_trained_are_drawn(monkeypatch):
    captions, seconds = drawn(monkeypatch, [None, "alone"])
    assert seconds == [[1.0, 2.0]]
    assert "Left out" not in captions[0]


@pytest.mark.parametrize("names", [("a b", "a_b", "a/b"), ("x" * 50, "x" * 51), ("d.csv", "d_csv")])
def test_files_of_two_data_sets_never_have_one_name(names):
    suffixes = {name_suffix(name) for name in names}
    assert len(suffixes) == len(names)
    assert all(len(suffix) < 60 and "/" not in suffix for suffix in suffixes)
