"""Every run of a study, also those that are not there."""

import json
import shutil

import pytest

from lepton.analysis.study import describe_counts, gather_runs
from lepton.errors import LeptonError

OVERRIDES = "dataset=wine model=mlp_small trainer.max_epochs=1"


@pytest.fixture
def study(run):
    """One run that finished and two that a sweep has planned."""
    folder = run(*OVERRIDES.split())
    unfinished_runs = {
        "wine-linear-s1-0": "model=linear seed=1 optimizer.lr=1e-3",
        "b": "seed=2 x=[1,2]",
    }
    plan = {"runs": {folder.name: OVERRIDES, **unfinished_runs}}
    (folder.parent / "sweep.json").write_text(json.dumps(plan))
    return folder.parent


@pytest.mark.slow
def test_planned_runs_that_are_not_there_are_missing_with_the_settings_asked_for(study):
    frame = gather_runs([study]).set_index("run")
    assert frame["status"].tolist() == ["finished", "missing", "missing"]
    row = frame.loc["wine-linear-s1-0"]
    assert (row["model"], row["seed"], float(row["optimizer.lr"])) == ("linear", 1, 1e-3)
    assert frame.loc["b", "x"] == "[1,2]"
    assert describe_counts(frame) == "3 runs: 1 finished, 2 missing"
    shutil.rmtree(next(study.glob("*/result.json")).parent)
    assert describe_counts(gather_runs([study])) == "3 runs: 3 missing"


@pytest.mark.slow
def test_several_studies_are_one_table_and_a_study_named_twice_counts_once(study, run):
    other = run(*OVERRIDES.split(), "study=other")
    frame = gather_runs([study, other.parent, study])
    assert len(frame) == 4
    assert frame["study"].dropna().tolist() == ["default", "other"]


def test_studies_without_runs_are_a_line(here):
    (here / "runs" / "empty").mkdir(parents=True)
    with pytest.raises(LeptonError, match=r"empty: holds no run yet$"):
        gather_runs(["empty"])
    with pytest.raises(LeptonError, match="nowhere: no such study"):
        gather_runs(["nowhere"])


@pytest.mark.slow
def test_a_run_in_the_place_of_a_study_is_told_with_the_command_that_shows_it(study):
    run = sorted(path.parent for path in study.glob("*/result.json"))[0]
    with pytest.raises(LeptonError) as error:
        gather_runs([run])
    assert str(error.value) == f"{run}: is a run and no study; write lepton show {run}"
