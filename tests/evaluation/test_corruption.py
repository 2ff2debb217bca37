"""The evaluator `corruption`: scores on corrupted rows, and errors by those of a baseline."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from lepton import load_model
from lepton.dataset.corruptions.corruptions import corruptions_of
from lepton.dataset.inputs.find import shipped_kinds
from lepton.errors import LeptonError
from lepton.evaluation.corruption import Corruption
from lepton.evaluation.loading import load_evaluated_run
from lepton.seeds import derive
from lepton.testing import EvaluatorContract
from tests.sound_files import write_tones

SHORT = ("trainer=cpu", "trainer.max_epochs=1", "trainer.progress=false")
TABLE = ("dataset=german_credit", "model=linear", *SHORT)


def corruption(**values):
    defaults = {"corruptions": None, "severities": [1, 5], "baseline": None, "data_seed": 0}
    return Corruption(**{**defaults, **values})


class TestCorruption(EvaluatorContract):
    def build(self):
        return corruption(severities=[3])


class TestCorruptionOfPictures(EvaluatorContract):
    overrides = ("dataset=digits", "dataset.fraction=0.3", "model=cnn_small", *SHORT)

    def build(self):
        return corruption(severities=[5], corruptions=["gaussian_noise", "jpeg"])


def tables(folder):
    return pd.read_parquet(folder / "evaluation" / "corruption" / "corruption.parquet")


def test_no_two_kinds_name_a_corruption_alike():
    names = [name for kind in shipped_kinds() for name in corruptions_of(kind).functions]
    pictures = [*corruptions_of(next(k for k in shipped_kinds() if k.name == "image")).functions]
    assert len(names) == 18 + len(pictures)  # frames of clips have those of pictures
    assert len({*names}) == 18


@pytest.mark.slow
def test_a_table_is_scored_as_a_file_with_the_same_cells_missing(run_once):
    folder = run_once(*TABLE)
    model = load_evaluated_run(folder)
    found = corruption(corruptions=["missing_cells"]).evaluate(model, 0)
    raw = model.inputs.inputs
    columns = [*load_model(folder).inputs[0].read_columns]
    generator = np.random.default_rng(derive(0, "corruption.missing_cells"))
    lost = generator.uniform(size=(len(raw), len(columns))) < 0.5
    spoilt = raw[columns].mask(lost)
    predicted = load_model(folder).predict_raw(spoilt)["prediction"].to_numpy()
    target = model.predictions.target.numpy()
    table = found.frames["corruption"].set_index(["corruption", "severity"])
    accuracy = ((predicted > 0.5) == target).mean()
    assert table.loc[("missing_cells", 5), "accuracy"] == pytest.approx(accuracy)
    stored = json.loads((folder / "result.json").read_text())["metrics"]
    assert table.loc[("clean", 0), "log_loss"] == pytest.approx(stored["test/log_loss"])
    both = table.loc["missing_cells", "accuracy"].mean()
    assert found.metrics["mean/accuracy"] == pytest.approx(both)


@pytest.mark.slow
def test_a_baseline_of_other_data_is_refused_before_the_training_and_after_it(run_once, lepton):
    base = run_once("dataset=wine", "model=linear", *SHORT)
    words = ("evaluation=corruption", "evaluation.corruption.severities=[1]", "resamples=0")
    assert lepton("evaluate", str(base), *words)[0] == 0
    by_base = (*words[:2], f"evaluation.corruption.baseline={base}")
    told = f"baseline: {base} was trained on wine, and this run on german_credit"
    for command in (("check", *TABLE, "seed=7"), ("evaluate", str(run_once(*TABLE)), words[2])):
        code, _, said = lepton(*command, *by_base)
        assert code == 2
        assert told in said


@pytest.mark.slow
def test_a_table_of_categories_has_no_corruptions_of_numbers(here, run):
    generator = np.random.default_rng(0)
    cells = {f"c{i}": generator.choice(["a", "b", "c"], 80) for i in range(3)}
    pd.DataFrame({**cells, "y": generator.integers(2, size=80)}).to_csv("cells.csv", index=False)
    folder = run("dataset=csv", "dataset.path=cells.csv", "dataset.target=y", *TABLE[1:])
    model = load_evaluated_run(folder)
    found = corruption().evaluate(model, 0).frames["corruption"]["corruption"]
    assert {*found} == {"clean", "missing_cells", "shuffled_columns"}
    with pytest.raises(LeptonError, match="'noisy_numbers' is none of these inputs"):
        corruption(corruptions=["noisy_numbers"]).check(model.task)


def test_no_corruption_is_refused_and_is_not_all_of_them():
    with pytest.raises(ValueError, match=r"^corruptions: \[\] are none"):
        corruption(corruptions=[])


@pytest.mark.slow
def test_texts_are_encoded_anew_by_the_runs_own_tokens(here, run):
    texts = [{"text": f"{i} {'late' if i % 3 else 'Good'} loans", "y": i % 2} for i in range(80)]
    pd.DataFrame(texts).to_csv("texts.csv", index=False)
    words = ("dataset=text_csv", "dataset.path=texts.csv", "dataset.target=y", "dataset.text=text")
    folder = run(*words, "model=bag_of_embeddings", *SHORT)
    model = load_evaluated_run(folder)
    found = corruption(corruptions=["capitals"], severities=[5]).evaluate(model, 0)
    [column] = model.kinds[0].own_columns
    loud = model.inputs.inputs.assign(**{column: model.inputs.inputs[column].str.upper()})
    predicted = torch.tensor(load_model(folder).predict_raw(loud)["prediction"].to_numpy())
    scores = model.task.score_rows(predicted, model.predictions.target)
    row = found.frames["corruption"].set_index("corruption").loc["capitals"]
    for name, value in scores.items():
        assert row[name] == pytest.approx(value, rel=1e-4), name


@pytest.mark.slow
@pytest.mark.parametrize("keep", ["true", "false"])
def test_sounds_are_corrupted_whether_spectra_are_kept_or_not(here, run, keep):
    pytest.importorskip("soundfile")
    write_tones(here / "tones")
    folder = run(
        *("dataset=audio_folder", "dataset.path=tones", "model=audio_cnn", *SHORT),
        f"model.spectrum.keep={keep}",
    )
    model = load_evaluated_run(folder)
    found = corruption(severities=[1, 5]).evaluate(model, 0).frames["corruption"]
    assert found["corruption"].nunique() == 5
    losses = found.set_index(["corruption", "severity"])["log_loss"]
    assert losses["clean", 0] != losses["white_noise", 1] != losses["white_noise", 5]


@pytest.mark.slow
def test_errors_are_divided_by_those_of_the_baseline_corruption_by_corruption(run_once, lepton):
    base, folder = run_once(*TABLE), run_once(*TABLE, "optimizer.lr=0.1")
    words = ("evaluation=corruption", "evaluation.corruption.severities=[2,4]", "resamples=0")
    by_base = f"evaluation.corruption.baseline={base}"
    code, _, said = lepton(
        "evaluate", str(folder), *words, f"evaluation.corruption.baseline={base}"
    )
    assert code == 2
    assert f"baseline: {base} was not evaluated by corruption; lepton evaluate {base}" in said
    command = said.partition("; ")[2].split()
    assert lepton(*command[1:])[0] == 0  # as it is printed
    code, _, said = lepton(
        "evaluate", str(folder), *words, f"evaluation.corruption.baseline={base}"
    )
    assert code == 0, said
    errors = [
        (1 - t[t["severity"] > 0].set_index(["corruption", "severity"])["accuracy"]).unstack()
        for t in map(tables, (folder, base))
    ]
    expected = np.mean(errors[0].sum(axis=1) / errors[1].sum(axis=1))
    metrics = json.loads((folder / "result.json").read_text())["metrics"]
    assert metrics["test@corruption/mce"] == pytest.approx(expected)
    code, _, said = lepton("evaluate", str(folder), words[0], "resamples=0", by_base)
    assert code == 2
    assert "severities [2, 4], not [1, 2, 3, 4, 5]" in said
