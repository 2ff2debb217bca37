"""The evaluator `adversarial`: worst cases of linear models, signs of broken attacks, refusals."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from lepton.errors import LeptonError
from lepton.evaluation.adversarial import Adversarial
from lepton.evaluation.loading import load_evaluated_run
from lepton.example import make_text_spec
from lepton.testing import EvaluatorContract
from tests.attack.linear import task_of

FEW = {"steps": 8, "step": 0.25, "restarts": 1, "apgd_steps": 10, "targets": 2, "queries": 20}
RULES = {"immutable": [], "only_up": [], "only_down": []}
SHORT = ("trainer=cpu", "trainer.max_epochs=3", "resamples=0")


def adversarial(**values):
    values = {"epsilons": [0.05, 0.3], "norm": "linf", "max_rows": 60, "level": 0.05} | values
    return Adversarial(**FEW, **(RULES | values))


def words(**values):
    return [f"evaluation.adversarial.{name}={value}" for name, value in (FEW | values).items()]


class TestAdversarial(EvaluatorContract):
    def build(self):
        return adversarial(max_rows=30)


@pytest.fixture
def quantities(run_once):
    folder = run_once(
        "dataset=synthetic", "dataset.classes=0", "model=linear", *SHORT[:2], "optimizer.lr=0.05"
    )
    return load_evaluated_run(folder)


@pytest.mark.slow
def test_of_a_linear_model_errors_grow_by_epsilon_times_the_sum_of_its_weights(quantities):
    evaluation = adversarial(epsilons=[0.1], max_rows=10_000).evaluate(quantities, 0)
    spec, inputs = quantities.spec, quantities.rows["num"].double()
    weight = quantities.learner.model.weight.detach().double()[0] * spec.target_std
    deviation = torch.tensor([np.std(_evenly_between(q)) for q in spec.quantiles])
    ends = torch.tensor(spec.quantiles).double()[:, [0, -1]]
    low = torch.maximum(-0.1 * deviation, (ends[:, 0] - inputs).clamp(max=0))
    high = torch.minimum(0.1 * deviation, (ends[:, 1] - inputs).clamp(min=0))
    up = torch.maximum(weight * low, weight * high).sum(1)
    down = torch.minimum(weight * low, weight * high).sum(1)
    residual = quantities.predictions.prediction - quantities.predictions.target
    worst = torch.maximum((residual + up).abs(), (residual + down).abs())
    metrics = evaluation.metrics
    assert metrics["clean/mae"] == pytest.approx(residual.abs().mean().item(), rel=1e-4)
    assert metrics["eps_0.1/mae"] == pytest.approx(worst.mean().item(), rel=1e-3)
    assert metrics["eps_0.1/rmse"] == pytest.approx(worst.square().mean().sqrt().item(), rel=1e-3)
    assert metrics["eps_0.1/mae"] > 1.05 * metrics["clean/mae"]
    assert metrics["broken"] == 0


def _evenly_between(quantiles):
    """Many numbers with these quantiles, evenly spread between each two."""
    levels = np.linspace(0, 1, len(quantiles))
    return np.interp((np.arange(200_000) + 0.5) / 200_000, levels, quantiles)


@pytest.fixture
def digits(run_once):
    folder = run_once("dataset=digits", "model=cnn_small", *SHORT[:2])
    return load_evaluated_run(folder)


@pytest.mark.slow
def test_a_row_counts_by_the_worst_of_all_attacks_there_and_at_smaller_epsilons(digits):
    evaluation = adversarial().evaluate(digits, 0)
    rows, attacks = evaluation.frames["rows"], evaluation.frames["attacks"]
    small, large = (rows[rows["epsilon"] == e].set_index("id") for e in (0.05, 0.3))
    assert len(small) == 60
    assert (large["accuracy"] <= small["accuracy"]).all()
    assert (small["accuracy"] <= small["clean_accuracy"]).all()
    metrics = evaluation.metrics
    assert metrics["clean/accuracy"] == small["clean_accuracy"].mean() > 0.8
    assert metrics["eps_0.3/accuracy"] == large["accuracy"].mean() < 0.3
    left = attacks[attacks["epsilon"] == 0.05]
    assert (left["left"].diff().dropna() <= 0).all()
    assert metrics["eps_0.05/accuracy"] == pytest.approx(left["left"].iloc[-1])
    assert left["rows"].iloc[0] == small["clean_accuracy"].sum()
    of_next = left["rows"].iloc[0] - left["broken"].iloc[0]
    assert left["rows"].iloc[1] == of_next  # what is broken is not attacked again
    assert (attacks["loss_after"] > attacks["loss_before"])[attacks["rows"] > 0].all()


def test_clean_accuracy_and_rows_are_those_of_the_run(digits):
    evaluation = adversarial(epsilons=[0.05], max_rows=10_000).evaluate(digits, 0)
    rows = evaluation.frames["rows"]
    predicted = digits.predictions.prediction.argmax(1) == digits.predictions.target
    expected = pd.Series(predicted.numpy(), index=digits.predictions.ids.numpy())
    clean = rows.set_index("id")["clean_accuracy"].astype(bool)
    pd.testing.assert_series_equal(
        clean, expected.loc[clean.index], check_names=False, check_index=False
    )
    assert len(clean) == len(predicted)


class Masked(nn.Module):
    """A network whose pixels are black or white, so that gradients are zero."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, batch):
        return self.inner(batch | {"image": (batch["image"] > 127) * 255.0})


@pytest.mark.slow
def test_hidden_gradients_are_said_to_break_the_evaluation(digits):
    digits.learner.model = Masked(digits.learner.model)
    evaluation = adversarial(epsilons=[0.4, 0.5]).evaluate(digits, 0)
    assert evaluation.metrics["broken"] == 1
    problems = evaluation.frames["problems"]["problem"].tolist()
    assert any("fgsm does not raise the loss" in line for line in problems)
    assert any("square, which needs no gradients, is worse" in line for line in problems)
    shown = adversarial().shown(evaluation.frames)
    assert shown.lines[0].startswith("broken evaluation: epsilon 0.4: ")


@pytest.mark.slow
def test_it_is_shown_with_intervals_and_kept_by_the_commands(run_once, lepton):
    folder = run_once("dataset=digits", "model=cnn_small", *SHORT[:2])
    options = words(epsilons="[0.3,0.05]", max_rows=40)
    code, said, error = lepton("evaluate", str(folder), "evaluation=adversarial", *options)
    assert code == 0, error
    assert "worst of all" in said
    assert "40 rows attacked; accuracy that an attack and those above it leave" in said
    metrics = json.loads((folder / "result.json").read_text())["metrics"]
    assert metrics["test@adversarial/eps_0.3/accuracy"] <= 0.4
    assert metrics["test@adversarial/broken"] == 0
    attacks = pd.read_parquet(folder / "evaluation" / "adversarial" / "attacks.parquet")
    assert attacks["attack"].tolist()[:2] == ["fgsm", "pgd"]
    assert attacks["epsilon"].tolist() == sorted(attacks["epsilon"])


@pytest.mark.slow
def test_training_by_one_step_looks_more_robust_by_pgd_than_it_is_by_all_attacks(run):
    folder = run(
        *("dataset=digits", "model=cnn_small", "optimizer.lr=3e-3", "scheduler=one_cycle"),
        *("trainer=cpu", "trainer.max_epochs=6"),
        *("adversarial=fgsm", "adversarial.fgsm.epsilon=0.2"),
        *("evaluation=adversarial", "evaluation.adversarial.epsilons=[0.2]"),
    )
    metrics = json.loads((folder / "result.json").read_text())["metrics"]
    attacks = pd.read_parquet(folder / "evaluation" / "adversarial" / "attacks.parquet")
    left = attacks.set_index("attack")["left"]
    worst = metrics["test@adversarial/eps_0.2/accuracy"]
    assert left["fgsm"] > left["pgd"] + 0.1  # the attack that it was trained against says most
    assert left["pgd"] > worst + 0.05
    assert metrics["test@adversarial/broken"] == 0


def test_no_size_of_a_change_and_one_below_zero_are_refused(lepton):
    digits = ("train", "dataset=digits", "model=cnn_small", "evaluation=adversarial")
    for epsilons, line in (
        ("[]", "refuses its values: epsilons: [] has no size"),
        ("[-0.1]", "evaluation.adversarial.epsilons: [-0.1] is not list[float, 0 at least]"),
    ):
        code, _, said = lepton(*digits, f"evaluation.adversarial.epsilons={epsilons}", *SHORT[:2])
        assert code == 2
        assert line in said
        assert said.count("lepton:") == 1


@pytest.mark.slow
def test_a_model_without_gradients_is_refused_by_both_keys(lepton, run_once):
    code, _, said = lepton(
        "train", "dataset=wine", "model=gradient_boosting", "evaluation=adversarial"
    )
    assert code == 2
    line = (
        "evaluation, model: evaluation=adversarial follows gradients, and model=gradient_boosting"
    )
    assert f"{line} fits itself" in said
    folder = run_once("dataset=wine", "model=gradient_boosting")
    evaluator = adversarial()
    with pytest.raises(LeptonError, match=r"model fits itself .* evaluation\.adversarial"):
        evaluator.evaluate(load_evaluated_run(folder), 0)


def test_texts_alone_are_refused_by_both_keys_before_anything_is_trained():
    line = r"evaluation\.adversarial, dataset: .*\(text\) have no gradient.*=adversarial_text"
    with pytest.raises(LeptonError, match=line):
        adversarial().check(task_of(make_text_spec("binary")))


@pytest.mark.slow
def test_sounds_that_were_kept_as_spectra_are_attacked_as_samples(here, run):
    from tests.sound_files import write_tones

    write_tones(here / "tones")
    folder = run("dataset=audio_folder", "dataset.path=tones", "model=audio_cnn", "trainer=cpu")
    model = load_evaluated_run(folder)
    assert "log_mel" in model.rows
    evaluation = adversarial(epsilons=[0.0, 0.5]).evaluate(model, 0)
    assert evaluation.metrics["eps_0/accuracy"] == evaluation.metrics["clean/accuracy"]
    assert evaluation.metrics["eps_0.5/accuracy"] < evaluation.metrics["clean/accuracy"]
