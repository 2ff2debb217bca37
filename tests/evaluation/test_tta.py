"""The evaluator `tta`: the mean over augmented copies, held to copies that are made by hand."""

import pytest
import torch

from lepton.augmentation.gaussian_noise import GaussianNoise
from lepton.commands import check
from lepton.errors import ConfigError, LeptonError
from lepton.evaluation.evaluator import batch_draw
from lepton.evaluation.loading import load_evaluated_run
from lepton.evaluation.tta import Tta
from lepton.seeds import derive
from lepton.testing import EvaluatorContract
from lepton.testing.method import SHORT_TRAINING, SMALL_TABLE

SHORT = ("trainer=cpu", "trainer.max_epochs=1", "trainer.progress=false")
TABLE = (*SMALL_TABLE, *SHORT_TRAINING)
NOISE = {"gaussian_noise": {"std": 0.3}}


def tta(**values):
    return Tta(**{"augmentation": NOISE, "draws": 3, "resamples": 20, **values})


class TestTta(EvaluatorContract):
    def build(self):
        return tta()


@pytest.mark.slow
class TestTtaOfTexts(EvaluatorContract):
    overrides = ("dataset=vader", "dataset.fraction=0.02", "model=bag_of_embeddings", *SHORT)

    def build(self):
        return tta(augmentation={"random_delete": {}, "random_swap": {}})


@pytest.mark.slow
def test_the_mean_is_that_of_predictions_for_copies_made_by_hand(run_once):
    model = load_evaluated_run(run_once(*TABLE))
    evaluation = tta().evaluate(model, 7)
    rows, method = model.ordered_rows, GaussianNoise(std=0.3)
    method.prepare(model.learner.model, model.spec)
    predictions = []
    for number in range(3):
        key = derive(derive(7, number), "augmentation.gaussian_noise")
        predictions.append(model.learner.predict(method.on_batch(rows, batch_draw(key, 0))))
    mean = torch.stack(predictions).double().mean(0)
    expected = model.task.score_rows(mean, model.predictions.target)
    assert evaluation.metrics == pytest.approx(expected, rel=1e-5)
    table = evaluation.frames["gains"].set_index("metric")
    clean = model.task.score_rows(model.predictions.prediction, model.predictions.target)
    for name, value in expected.items():
        assert table.loc[name, "clean"] == pytest.approx(clean[name])
        assert table.loc[name, "difference"] == pytest.approx(value - clean[name], abs=1e-5)
        assert table.loc[name, "low"] <= table.loc[name, "high"]


@pytest.mark.slow
def test_augmentation_that_changes_nothing_gives_what_the_rows_give_and_no_difference(run_once):
    model = load_evaluated_run(run_once(*TABLE))
    table = tta(augmentation={"gaussian_noise": {"std": 0.0}}).evaluate(model, 0).frames["gains"]
    assert table["difference"].abs().max() < 1e-6
    assert table[["low", "high"]].abs().max(axis=None) < 1e-6


@pytest.mark.slow
def test_a_run_is_averaged_over_its_own_augmentation(run_once):
    folder = run_once(
        *(word for word in TABLE if word != "augmentation=none"),
        *("augmentation=gaussian_noise", "augmentation.gaussian_noise.std=0.3"),
    )
    model = load_evaluated_run(folder)
    own, named = tta(augmentation=None).evaluate(model, 1), tta().evaluate(model, 1)
    assert own.metrics == named.metrics
    plain = load_evaluated_run(run_once(*TABLE))
    with pytest.raises(LeptonError, match="augmentation: null, and the run was trained without"):
        tta(augmentation=None).evaluate(plain, 1)


@pytest.mark.slow
def test_of_a_runs_own_augmentations_those_that_change_no_row_are_left_out(run_once):
    words = [word for word in TABLE if word != "augmentation=none"]
    added = "class_balanced_sampling,generated"
    noise = ("augmentation.gaussian_noise.std=0.3", "trainer.progress=false")
    folder = run_once(*words, f"augmentation=[gaussian_noise,{added}]", *noise)
    model = load_evaluated_run(folder)
    own, named = tta(augmentation=None).evaluate(model, 1), tta().evaluate(model, 1)
    assert own.metrics == named.metrics
    plain = load_evaluated_run(run_once(*words, f"augmentation=[{added}]"))
    line = r"without any that changes rows \(augmentation.class_balanced_sampling, "
    with pytest.raises(LeptonError, match=line):
        tta(augmentation=None).evaluate(plain, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("", "augmentation: null, and the run was trained without any"),
        ("{affine:{}}", "augmentation: affine changes no inputs of the kind table"),
        ("{mixup:{}}", "augmentation: mixup changes targets, which are not known here"),
        ("{gausian_noise:{}}", "there is no 'gausian_noise'; did you mean 'gaussian_noise'?"),
        ("{gaussian_noise:{sd:1}}", "augmentation.gaussian_noise.sd: gaussian_noise has no such"),
        ("{}", "augmentation: {} names none; name one, as {gaussian_noise: {}}"),
        ("{gaussian_noise:3}", "augmentation.gaussian_noise: 3 are no values"),
        ("{gaussian_noise:{std:-1}}", "augmentation.gaussian_noise.std: -1 is not float, 0 at"),
    ],
)
def test_what_it_cannot_do_is_told_before_the_training(here, words, line):
    words = [f"evaluation.tta.augmentation={words}"] if words else []
    with pytest.raises(ConfigError) as error:
        check.main(["dataset=wine", "model=linear", *SHORT, "evaluation=tta", *words])
    [problem] = error.value.problems
    assert problem.startswith("evaluation=tta: ")
    assert line in problem


CATEGORIES = "dataset.drop=[duration_months,credit_amount,installment_rate_percent,residence_since,\
age_years,existing_credits,people_liable]"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("model=linear", CATEGORIES), "augmentation.gaussian_noise, dataset: all columns are cat"),
        (("model=gradient_boosting",), "model: it is no network of the group model"),
    ],
)
def test_a_run_whose_inputs_it_cannot_change_is_refused_before_the_training(here, words, line):
    averaged = ["evaluation=tta", "evaluation.tta.augmentation={gaussian_noise:{}}"]
    with pytest.raises(ConfigError) as error:
        check.main(["dataset=german_credit", *words, *averaged])
    [problem] = error.value.problems
    assert problem.startswith(f"evaluation=tta: {line}")
