"""What finished runs say of training rows: beside their own predictions, and who may be asked."""

import shutil

import numpy as np
import pytest
import torch

from lepton import compose, load_model, train
from lepton.config.check import check
from lepton.config.command import compose_command
from lepton.config.commands import command_roots
from lepton.config.identity import run_id
from lepton.derived.classes import build_derivation
from lepton.derived.inputs import find_inputs
from lepton.derived.make import make_or_read, plan_derivation
from lepton.derived.planning import request_of
from lepton.errors import ConfigError
from lepton.evaluation.told_runs import run_outputs
from lepton.run import read_data

DATA = ("dataset=wine", "trainer=cpu", "trainer.max_epochs=2", "trainer.progress=false")
STUDENT = (*DATA, "model=mlp_small", "regularization=distill", "study=students")


def make_ensemble(*words):
    config = compose_command(command_roots()["ensemble"], words)
    derivation = build_derivation(request_of("ensemble", config, list(words)))
    search = find_inputs(config["runs"], command="ensemble", fewest=derivation.fewest)
    assert make_or_read(plan_derivation(derivation, search))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with two runs of a study, and their ensemble."""
    place = tmp_path_factory.mktemp("teachers")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("LEPTON_CACHE", str(place / "cache"))
        for model in ("linear", "gradient_boosting"):
            train(compose(*DATA, f"model={model}", "study=first"))
        make_ensemble("runs=first", "method=weighted", "keep=true")
    return place


@pytest.fixture
def teachers(folder, monkeypatch):
    """The folders of the runs by a word of their names, from the working directory."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("LEPTON_CACHE", str(folder / "cache"))
    words = ("linear", "boosting", "ensemble")
    return {word: next((folder / "runs/first").glob(f"*{word}*")) for word in words}


@pytest.mark.slow
@pytest.mark.parametrize("word", ["linear", "boosting", "ensemble"])
def test_a_run_says_of_each_row_what_it_predicts_for_its_cells(word, teachers):
    outputs = run_outputs(teachers[word])
    data = read_data(check(compose(*DATA)))
    table, _ = data.tables()
    frame = next(iter(table.blocks([*table.columns], 1000)))
    expected = load_model(teachers[word]).predict_raw(frame).to_numpy()
    np.testing.assert_allclose(outputs.predictions, expected[outputs.ids], rtol=1e-4, atol=1e-6)
    trained = data.splits["train"]["id"].sort().values
    assert torch.equal(outputs.ids[outputs.trained].sort().values, trained)


@pytest.mark.slow
def test_a_student_is_another_run_with_another_teacher_and_not_with_another_folder(teachers):
    def identity(teacher):
        words = (*STUDENT, f"regularization.distill.teacher={teacher}")
        return run_id(check(compose(*words)))

    copied = shutil.copytree(teachers["linear"], teachers["linear"].parents[2] / "elsewhere")
    assert identity(teachers["linear"]) == identity(copied)
    identities = {identity(teacher) for teacher in teachers.values()}
    assert len(identities) == 3
    best = min(sorted(teachers.values()), key=val_loss)
    assert identity("first") == identity(best)  # of a study the best run on validation


def val_loss(path):
    from lepton.storage.results import finished_result

    return finished_result(path).metrics["val/log_loss"]


@pytest.mark.slow
def test_a_teacher_that_does_not_fit_is_refused_in_a_line_with_both_keys(teachers, tmp_path):
    key = f"regularization.distill.teacher={teachers['linear']}"
    other = (*STUDENT, key, f"runs={tmp_path}")
    with pytest.raises(ConfigError, match=r"teacher, task: .* predicts a multiclass target, and"):
        train(compose(*other, "dataset=breast_cancer"))
    with pytest.raises(ConfigError, match=r"teacher, dataset: .* trained on wine .*; their data"):
        train(compose(*other, "dataset=synthetic", "dataset.classes=3"))
    with pytest.raises(ConfigError, match=r"teacher, dataset: .* was trained on \d+ rows of this"):
        train(compose(*other, "dataset.split_seed=5"))
    with pytest.raises(ConfigError, match=r"rows of this .* and dataset\.validation=outside$"):
        train(compose(*other, "dataset.validation=inside"))
    with pytest.raises(ConfigError, match=r"distill\.teacher: 'nowhere' is none \(looked in"):
        check(compose(*STUDENT, "regularization.distill.teacher=nowhere"))
    with pytest.raises(ConfigError, match=r"regularization\.distill, augmentation\.mixup: "):
        check(compose(*other, "augmentation=mixup"))


@pytest.mark.slow
def test_a_student_whose_share_is_all_comes_near_its_teacher(teachers):
    words = (*STUDENT, f"regularization.distill.teacher={teachers['linear']}")
    asked = run_outputs(teachers["linear"])
    gaps = []
    for share in (0.0, 1.0):
        longer = ("trainer.max_epochs=30", "trainer.patience=null")
        result = train(compose(*words, *longer, f"regularization.distill.share={share}"))
        own = run_outputs(next(teachers["linear"].parents[1].glob(f"students/{result.run}")))
        gaps.append(float((own.predictions - asked.predictions).abs().mean()))
    assert gaps[1] < gaps[0] / 2
