"""The evaluator `adversarial_text`: against a greedy search done slowly, and what it refuses."""

import json
import math

import numpy as np
import pytest
import torch

from lepton import load_model
from lepton.errors import LeptonError
from lepton.evaluation import attacked_texts
from lepton.evaluation.adversarial_text import AdversarialText
from lepton.evaluation.attacked_texts import judged
from lepton.evaluation.loading import load_evaluated_run
from lepton.example import make_spec, make_text_spec
from lepton.testing import EvaluatorContract
from tests.attack.linear import task_of
from tests.review_files import write_reviews

SHORT = ("trainer=cpu", "trainer.max_epochs=8", "optimizer.lr=0.02")
REVIEWS = ("dataset=text_csv", "dataset.path=reviews.csv", "dataset.text=review")


def adversarial_text(**values):
    return AdversarialText(**({"epsilons": [0.1, 0.3], "queries": 200, "max_rows": 60} | values))


class TestAdversarialText(EvaluatorContract):
    overrides = (
        *("dataset=vader", "dataset.source=tweets", "dataset.fraction=0.2"),
        *("model=bag_of_embeddings", "optimizer.lr=0.01", "trainer=cpu", "trainer.max_epochs=1"),
    )

    def build(self):
        return adversarial_text(max_rows=15, queries=60)


@pytest.fixture
def liked(here, run_once):
    write_reviews("reviews.csv")
    return run_once(*REVIEWS, "dataset.target=liked", "model=bag_of_embeddings", *SHORT)


def slips(word, generator=None):
    """Two ways to misspell a word, the same whenever."""
    return [word[0] + word[2] + word[1] + word[3:], word[:-2] + word[-1]] if len(word) > 3 else []


def searched_slowly(losses_of, text, is_wrong, real_words):
    """The losses of a text with no, one, two... words misspelt, one look after the other."""
    words = text.split()
    changes = {i: [s for s in slips(w) if s not in real_words] for i, w in enumerate(words)}
    changes = {i: tried for i, tried in changes.items() if tried}
    without = {i: losses_of(" ".join(words[:i] + words[i + 1 :])) for i in changes}
    steps = [losses_of(text)]
    for i in sorted(without, key=lambda i: -without[i]):
        if is_wrong(steps[-1]):
            break
        tried = {s: losses_of(" ".join([*words[:i], s, *words[i + 1 :]])) for s in changes[i]}
        best = max(tried, key=lambda slip: tried[slip])
        if tried[best] > steps[-1]:
            words[i] = best
            steps.append(tried[best])
    return steps


@pytest.mark.slow
def test_rows_fall_as_by_a_greedy_search_that_looks_at_one_text_at_a_time(liked, monkeypatch):
    monkeypatch.setattr(attacked_texts, "typos", slips)
    model, evaluated = load_model(liked), load_evaluated_run(liked)
    rows = adversarial_text().evaluate(evaluated, 0).frames["rows"]
    place = {int(row): i for i, row in enumerate(evaluated.predictions.ids)}
    texts = evaluated.inputs.inputs["review"]
    real_words = {word for text in texts for word in text.split()}
    by_id = dict([*rows.groupby("id")])
    assert len(by_id) == len(texts) == 32
    fell = 0
    for row, of_row in by_id.items():
        text = texts.iloc[place[row]]
        target = int(evaluated.predictions.target[place[row]])

        def log_odds_against(text, target=target):
            chance = np.asarray(model.predict_proba([text]), float)[0]
            return math.log(chance[1 - target] / chance[target])

        losses = searched_slowly(log_odds_against, text, lambda loss: loss > 0, real_words)
        for epsilon in (0.1, 0.3):
            (told,) = of_row[of_row["epsilon"] == epsilon].itertuples()
            changed = min(int(epsilon * len(text.split())), len(losses) - 1)
            assert told.changed_words == changed
            assert told.clean_accuracy == (losses[0] <= 0)
            assert told.accuracy == (losses[changed] <= 0)
        fell += losses[0] <= 0 < losses[-1]
    assert fell >= 8


@pytest.mark.slow
def test_errors_of_a_quantity_grow_with_the_share_of_words(here, run_once, lepton):
    write_reviews("reviews.csv")
    folder = run_once(*REVIEWS, "dataset.target=stars", "model=bag_of_embeddings", *SHORT)
    words = ("evaluation=adversarial_text", "evaluation.adversarial_text.epsilons=[0.3,0.1]")
    code, said, error = lepton("evaluate", str(folder), *words)
    assert code == 0, error
    assert "32 rows attacked by typos" in said
    metrics = json.loads((folder / "result.json").read_text())["metrics"]
    names = [f"test@adversarial_text/{name}/mae" for name in ("clean", "eps_0.1", "eps_0.3")]
    errors = [metrics[name] for name in names]
    assert errors == sorted(errors)
    assert errors[0] == pytest.approx(metrics["test/mae"], rel=1e-4)
    assert errors[2] > 1.1 * errors[0]
    assert metrics["test@adversarial_text/broken"] == 0


@pytest.mark.slow
def test_a_model_that_reads_no_words_is_said_to_break_the_evaluation(liked):
    evaluated = load_evaluated_run(liked)
    with torch.no_grad():
        for values in evaluated.learner.model.parameters():
            values.zero_()
    evaluation = adversarial_text().evaluate(evaluated, 0)
    assert evaluation.metrics["broken"] == 1
    (first, *_) = evaluation.frames["problems"]["problem"]
    assert first.startswith("epsilon 0.1: typos does not raise the loss")
    shown = adversarial_text().shown(evaluation.frames)
    assert shown.lines[0] == f"broken evaluation: {first}"


def test_predictions_are_judged_by_margin_and_cross_entropy():
    chances = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]])
    looks = judged(task_of(make_text_spec("multiclass")), chances, torch.tensor([0, 2]))
    expected = [[math.log(0.2 / 0.7), False, -math.log(0.7)], [math.log(2), True, -math.log(0.3)]]
    np.testing.assert_allclose([[*look] for look in looks], expected, rtol=1e-6)
    looks = judged(task_of(make_text_spec("binary")), torch.tensor([0.8, 0.4]), torch.ones(2))
    expected = [[math.log(0.2 / 0.8), False, -math.log(0.8)]]
    expected += [[math.log(0.6 / 0.4), True, -math.log(0.4)]]
    np.testing.assert_allclose([[*look] for look in looks], expected, rtol=1e-6)


def test_what_has_no_texts_and_no_share_of_words_is_refused(lepton):
    with pytest.raises(LeptonError, match="the data hold no texts whose words could be misspelt"):
        adversarial_text().check(task_of(make_spec("binary")))
    words = ("dataset=vader", "model=bag_of_embeddings", "evaluation=adversarial_text")
    for epsilons, line in (
        ("[]", "epsilons: [] has no share of words that may change"),
        ("[1.5]", "evaluation.adversarial_text.epsilons: [1.5] is not list[float, from 0 to 1]"),
    ):
        option = f"evaluation.adversarial_text.epsilons={epsilons}"
        code, _, said = lepton("train", *words, option)
        assert code == 2
        assert line in said
