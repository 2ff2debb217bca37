"""`lepton publish` and the mistakes in its words; what trackers then hold is tested with each."""

import shutil

import pytest

from lepton.foreign_text import printable

RUN = ("dataset=wine", "model=linear", "trainer.max_epochs=1", "study=s")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("to=tensorboard",), "give the name of a study"),
        (("s",), "to: say which tracker, as to=mlflow"),
        (("s", "to=tensorbord"), "did you mean 'tensorboard'?"),
        (("s", "to=csv"), "to=csv: is told of runs while they train alone"),
        (("s", "to=tensorboard", "to.tensorboard.foldr=x"), "did you mean 'folder'?"),
        (("s", "to=tensorboard", "study=x"), "study=x: lepton publish takes it from the runs"),
        (("t", "to=tensorboard"), "t: no such study; studies in ./runs: s"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(run_once, lepton, here, words, told):
    run_once(*RUN)
    (here / "runs" / "wandb").mkdir()  # a tracker's folder is no study
    code, _, errors = lepton("publish", *words)
    assert code == 2
    [line] = errors.splitlines()
    assert told in line
    assert not (here / "runs" / "tensorboard").exists()


@pytest.mark.slow
def test_a_damaged_run_is_named_and_the_others_are_told(run_once, lepton, here):
    folder = run_once(*RUN)
    damaged = run_once(*RUN, "seed=1")
    (damaged / "result.json").write_text("{}")
    code, out, _ = lepton("publish", "s", "to=tensorboard", "report=false")
    assert code == 0
    left_out, told = out.splitlines()
    assert left_out.startswith(f"left out: {damaged}")
    assert told == "s: 1 run in tensorboard"
    assert [path.name for path in (here / "runs/tensorboard/s").iterdir()] == [folder.name]


def test_a_tracker_that_fails_ends_with_a_line(run_once, lepton, here):
    folder = run_once(*RUN)
    (here / "taken").write_text("a file")
    words = ("s", "to=tensorboard", "to.tensorboard.folder=taken", "report=false")
    code, _, errors = lepton("publish", *words)
    assert code == 2
    assert errors.splitlines()[-1].startswith(f"lepton: publish: to=tensorboard: {folder}: ")
    assert "0 of 1 runs of s are published, the same command goes on" in errors


@pytest.mark.parametrize("name", ["a\\b", "new\nline", 'it\'s "two"\\'])
def test_a_study_is_told_under_the_name_of_its_folder(run_once, lepton, here, name):
    folder = run_once(*RUN)
    shutil.copytree(folder, here / "other" / name / folder.name)
    code, out, _ = lepton("publish", f"other/{name}", "to=tensorboard", "report=false")
    assert code == 0
    assert out == f"{printable(name, one_line=True)}: 1 run in tensorboard\n"
    assert [path.name for path in (here / "other/tensorboard").iterdir()] == [name]


def test_a_study_whose_name_a_config_would_not_read_as_it_is_is_refused(run_once, lepton, here):
    folder = run_once(*RUN)
    shutil.copytree(folder, here / "other" / "${oc.env:HOME}" / folder.name)
    code, _, errors = lepton("publish", "other/${oc.env:HOME}", "to=tensorboard")
    assert code == 2
    assert errors == (
        "lepton: other/${oc.env:HOME}: a config would read ${ in it as a key; rename the folder\n"
    )
