"""What an evaluator cannot measure is refused before anything is trained, whichever way it is."""

from pathlib import Path

import pandas as pd
import pytest

from lepton.commands import check
from lepton.errors import ConfigError
from lepton.sweep import preflight

SHORT = ("model=linear", "trainer=cpu", "trainer.max_epochs=1")
REFUSED = [
    ("dataset=diabetes evaluation=decision", "a task regression decides for no class"),
    ("dataset=wine evaluation=decision", "threshold: f1 is for two classes, or labels; of 3"),
    (
        "dataset=wine evaluation=adversarial evaluation.adversarial.immutable=[alcool]",
        "evaluation.adversarial.immutable: 'alcool' is no column of dataset; did you mean",
    ),
    (
        "dataset=wine evaluation=decision evaluation.decision.costs=[[0,1],[5,0]]",
        "costs: 2 rows, where 3 sides are decided for",
    ),
    ("dataset=diabetes evaluation=calibration", "a task regression has no probabilities"),
    (
        "dataset=synthetic dataset.labels=3 evaluation=conformal",
        "a task multilabel has no sets or intervals; binary, multiclass, regression have",
    ),
    (
        "dataset=wine evaluation=conformal evaluation.conformal.alpha=1",
        "evaluation.conformal.alpha: 1 is not float, between 0 and 1",
    ),
    (
        "dataset=wine evaluation=conformal evaluation.conformal.column=hue2",
        "column: the data have no column 'hue2'; did you mean 'hue'?",
    ),
    ("dataset=wine evaluation=shift", "column: null and time: null; name one"),
    (
        "dataset=wine evaluation=shift evaluation.shift.time=hue2",
        "evaluation=shift: time: the data have no column 'hue2'; did you mean 'hue'?",
    ),
    (
        "dataset=wine evaluation=conformal evaluation.conformal.alpha=0.001",
        "evaluation=conformal: alpha: 0.001 takes 999 validation rows; there are 29",
    ),
    (
        "dataset=wine evaluation=shift evaluation.shift.column=hue evaluation.shift.metrics=[acc]",
        "metrics: task multiclass has no metric 'acc'",
    ),
    ("dataset=diabetes evaluation=smoothing", "a task regression has no class to certify"),
    (
        "dataset=german_credit dataset.keep=[purpose,savings] evaluation=smoothing",
        "sigma: inputs are categories alone, to which no noise can be added",
    ),
    (
        "dataset=wine evaluation=corruption evaluation.corruption.severities=[1,6]",
        "severities: [1, 6] are not some of 1 to 5",
    ),
    (
        "dataset=wine evaluation=corruption evaluation.corruption.corruptions=[jpeg]",
        "corruptions: 'jpeg' is none of these inputs (missing_cells, noisy_numbers,",
    ),
    (
        "dataset=wine evaluation=corruption evaluation.corruption.baseline=nowhere",
        "nowhere",
    ),
    ("dataset=wine evaluation=zero_shot", "names: text cannot read class names"),
    ("dataset=wine evaluation=heat_maps", "a model of task multiclass makes no heat maps"),
    (
        "dataset=wine evaluation=slices evaluation.slices.metrics=[acuracy]",
        "metrics: task multiclass has no metric 'acuracy'; did you mean 'accuracy'?",
    ),
    (
        "dataset=german_credit evaluation=gaps evaluation.gaps.column=personal_status_and_six",
        "no column 'personal_status_and_six'; did you mean 'personal_status_and_sex'?",
    ),
    (
        "dataset=german_credit evaluation=gaps evaluation.gaps.column=credit_risk",
        "no column 'credit_risk'",  # which is the target
    ),
    ("dataset=wine evaluation=slices dataset.test_size=0", "needs a test split"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("words", "line"), REFUSED)
def test_check_says_it_of_what_would_be_trained(here, words, line):
    with pytest.raises(ConfigError) as error:
        check.main([*SHORT, *words.split()])
    [problem] = error.value.problems
    assert problem.startswith("evaluation")
    assert line in problem


@pytest.mark.slow
@pytest.mark.parametrize(("words", "line"), [REFUSED[1], REFUSED[9], REFUSED[-3], REFUSED[-1]])
def test_one_run_is_refused_and_nothing_of_it_stays(lepton, here, words, line):
    code, _, said = lepton("train", *words.split(), *SHORT)
    assert code == 2
    assert line in said
    assert said.count("lepton:") == 1
    assert "val/" not in said  # no epoch was told
    assert not [*Path("runs").rglob("result.json"), *Path("runs").rglob("model.safetensors")]


@pytest.mark.slow
def test_a_column_that_is_no_input_and_one_that_a_kind_makes_are_no_mistake(here):
    texts = [{"text": f"{i} loans", "team": "ab"[i % 2], "late": i % 3 % 2} for i in range(60)]
    pd.DataFrame(texts).to_csv("texts.csv", index=False)
    words = ("dataset=text_csv", "dataset.path=texts.csv", "dataset.target=late", "evaluation=gaps")
    words = (*words, "model=bag_of_embeddings", "dataset.text=text", *SHORT[1:])
    for column in ("team", "words of text"):
        assert check.main([*words, f"evaluation.gaps.column={column}"]) == 0
    with pytest.raises(ConfigError, match="no column 'words of tex'; did you mean 'words of text'"):
        check.main([*words, "evaluation.gaps.column=words of tex"])


@pytest.mark.slow
def test_a_finished_run_names_the_key_and_what_columns_there_are(lepton, here, run_once):
    folder = run_once("dataset=diabetes", *SHORT)
    words = ("evaluation=shift", "evaluation.shift.time=day")
    code, _, said = lepton("train", "dataset=diabetes", *SHORT, *words)
    assert code == 2
    assert (
        "evaluation=shift: time: the data have no column 'day'; beside targets they have 'age'"
        in said
    )
    assert not (folder / "evaluation").exists()


@pytest.mark.slow
def test_runs_of_a_stack_are_refused_where_the_first_look_had_no_time(lepton, here, monkeypatch):
    monkeypatch.setattr(preflight, "MAX_SECONDS", -1.0)
    words, line = REFUSED[1]
    code, _, said = lepton("train", "-m", *words.split(), *SHORT, "seed=0,1", "study=s")
    assert code != 0
    assert said.count(line) >= 2
    assert not [*Path("runs").rglob("model.safetensors")]
