"""`lepton publish` and the mistakes in its words; what trackers then hold is tested with each."""

import pytest

RUN = ("dataset=wine", "model=linear", "trainer.max_epochs=1", "study=s")


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
    assert errors.splitlines()[-1].startswith(f"lepton: publish: {folder}: ")
    assert "0 of 1 runs of s are published, the same command goes on" in errors
