"""Which runs the words of `runs=` mean, and which of them may be inputs."""

from pathlib import Path

import numpy as np
import pytest

from lepton import load_model
from lepton.derived.run_paths import find_run_folders
from lepton.errors import LeptonError
from tests.derived.conftest import DOCUMENTED, breast_cancer_rows


@pytest.fixture
def folders(here):
    """Two studies with a run each, of which one is unfinished."""
    for name in ("one/a", "one/b.part", "two/c"):
        (here / "runs" / name).mkdir(parents=True)
        (here / "runs" / name / "config.yaml").write_text("{}")
    return here / "runs"


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("one", {"one/a": False, "one/b.part": False}),
        ("runs/one", {"one/a": False, "one/b.part": False}),
        ("runs/one/a", {"one/a": True}),
        ("runs/*/[ac]", {"one/a": False, "two/c": False}),
        (["two", "runs/two/c"], {"two/c": True}),
        (["runs/two/c", "two"], {"two/c": True}),
        (["runs/*", "runs/one/a"], {"one/a": True, "one/b.part": False, "two/c": False}),
    ],
)
def test_words_mean_folders_and_whether_these_are_named_themselves(folders, words, found):
    paths = find_run_folders(words)
    assert {path.relative_to("runs").as_posix(): named for path, named in paths.items()} == found


@pytest.mark.parametrize("words", ["three", "runs/three/*", ["one", "three"]])
def test_words_that_mean_nothing_are_told(folders, words):
    with pytest.raises(LeptonError, match="three"):
        find_run_folders(words)


@pytest.mark.slow
def test_runs_of_ones_own_lightning_module_join_an_ensemble(here, lepton):
    for name in ("conf/model/perceptron.yaml", "my_project/perceptron.py"):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(DOCUMENTED[name])
    allowed = ("--allow", "my_project")
    overrides = ("dataset=breast_cancer", "trainer.max_epochs=1", "study=modules")
    for seed in (0, 1):
        assert lepton("train", *overrides, "model=perceptron", f"seed={seed}", *allowed)[0] == 0
    runs = sorted(Path("runs/modules").glob("*perceptron*"))
    assert lepton("ensemble", "runs=modules", "method=mean", "keep=true", *allowed)[0] == 0
    (ensemble,) = Path("runs/modules").glob("*ensemble_mean*")
    frame = breast_cancer_rows(range(20))
    predicted, *of_members = [load_model(folder).predict_raw(frame) for folder in (ensemble, *runs)]
    np.testing.assert_allclose(predicted, np.mean(of_members, axis=0), rtol=1e-5)
    code, _, stderr = lepton("ensemble", "runs=modules", "method=soup", *allowed)
    assert (code, "a soup needs networks" in stderr) == (2, True)
