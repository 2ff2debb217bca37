"""Columns that a run knows keep its preprocessing where training starts from it."""

import numpy as np
import pandas as pd
import pytest
import torch

from lepton import build, compose
from lepton.config.check import check
from lepton.config.identity import run_id
from lepton.dataset.clean.column_kinds import parse_columns
from lepton.errors import ConfigError
from lepton.groups import REVISIONS
from lepton.preprocessing.table import TablePreprocessing
from tests.quick import quick

CSV = ("dataset=csv", "dataset.target=y", "dataset.positive=yes", "trainer=cpu")
TUNED = ("finetune=full", "init_from=source", "dataset.shots=8")
STILL = ("optimizer.lr=1e-30", "optimizer.weight_decay=0", "trainer.max_epochs=1")
SCALINGS = ("quantile", "standard", "robust", "none")


@pytest.fixture
def people(here):
    """Files of every kind of column; `more.csv` has further ones, and one less."""
    rng = np.random.default_rng(0)
    rows = 240
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 9, rows),
            "income": np.where(rng.random(rows) < 0.1, np.nan, rng.lognormal(size=rows)),
            "job": rng.choice(["cook", "nurse", "smith", "tailor"], rows),
            "since": _days(rng, rows, 900),
        }
    )
    frame["y"] = np.where(frame["age"] + rng.normal(0, 5, rows) > 40, "yes", "no")
    frame.to_csv("people.csv", index=False)
    more = frame.assign(height=rng.normal(170, 8, rows), paid=_days(rng, rows, 90))
    more.assign(town=rng.choice(["a", "b"], rows)).drop(columns="income").to_csv("more.csv")
    return frame


def _days(rng, rows, most):
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, most, rows), "D")
    return days.astype(str)


@pytest.fixture
def source(run, people):
    """A run that training may start from: scaling -> folder."""

    def source(scaling="quantile", *words):
        start = (*CSV, "dataset.path=people.csv", "model=mlp_small", "trainer.max_epochs=2")
        return run(*start, f"preprocessing={scaling}", "study=source", *words)

    return source


@pytest.mark.parametrize("model", quick(("mlp_small", "ft_transformer", "tabm_small"), "mlp_small"))
@pytest.mark.parametrize("scaling", quick(SCALINGS, "quantile"))
def test_an_untouched_start_on_shots_predicts_what_its_source_does(model, scaling, source, run):
    folder = source(scaling, f"model={model}")
    words = (f"model={model}", "dataset.path=people.csv", f"preprocessing={scaling}")
    tuned = run(*CSV, *TUNED, *STILL, *words)
    tables = [pd.read_parquet(f / "predictions" / "test.parquet") for f in (folder, tuned)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    assert "4 of 4 columns keep its preprocessing" in (tuned / "log.txt").read_text()


@pytest.mark.slow
def test_a_start_that_was_tuned_on_further_columns_is_started_from_as_any_other(source, run):
    source()
    further = pd.read_csv("more.csv").assign(weight=np.arange(240.0) % 17)
    further.to_csv("further.csv", index=False)
    words = (*CSV, "model=mlp_small", "preprocessing=quantile", "finetune=full", "study=further")
    second = run(*words, "init_from=source", "dataset.path=further.csv", "trainer.max_epochs=1")
    still = (*words[:-1], *STILL, f"init_from={second}")
    third = run(*still, "dataset.path=further.csv", "study=third")
    tables = [pd.read_parquet(f / "predictions" / "test.parquet") for f in (second, third)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    further.assign(shoe=np.arange(240.0) % 11).to_csv("furthest.csv", index=False)
    fourth = run(*still, "dataset.path=furthest.csv", "study=fourth")
    log = (fourth / "log.txt").read_text()
    assert "7 of 8 columns keep its preprocessing; fitted anew: shoe" in log


def inputs_of(config, split="train"):
    """The inputs of a split by feature, and the rows that it has."""
    data = build.data(config)
    names = (*data.spec.num_features, *data.spec.cat_features)
    rows = data.splits[split]
    tensors = [rows["num"].double(), rows["cat"].double()]
    return data, dict(zip(names, torch.cat(tensors, 1).T, strict=True)), rows["id"]


@pytest.mark.slow
@pytest.mark.parametrize("other", SCALINGS)
@pytest.mark.parametrize("scaling", SCALINGS)
def test_further_columns_are_fitted_on_the_shots_and_the_others_as_in_the_source(
    scaling, other, source, here, caplog
):
    folder = source(scaling)
    caplog.set_level("DEBUG", logger="lepton")
    words = (*CSV, "dataset.path=more.csv", f"preprocessing={other}")
    _, fitted, _ = inputs_of(check(compose(*words, "dataset.shots=8")))
    data, joined, rows = inputs_of(check(compose(*words, *TUNED)))
    if scaling != other and scaling != "none":
        assert "numbers together" in caplog.text  # a column is gone, and scalers are of two kinds
        return
    table = pd.read_csv("more.csv").iloc[rows.numpy()]
    before = TablePreprocessing.load(folder / "preprocessing.skops")
    num, cat = before.transform(parse_columns(table.assign(income=1.0), before.kinds))
    expected = dict(zip(before.num_features, num.T.double(), strict=True))
    expected |= dict(zip(before.cat_features, cat.T.double(), strict=True))
    assert joined.keys() - fitted.keys() <= {"income_missing"}
    for name, values in joined.items():
        origin = expected if name in expected else fitted
        torch.testing.assert_close(values, origin[name], rtol=0, atol=0, msg=name)
    data.save(here)
    again = TablePreprocessing.load(here / "preprocessing.skops")
    num, cat = again.transform(parse_columns(table, again.kinds))
    assert torch.equal(num, data.splits["train"]["num"])
    assert torch.equal(cat, data.splits["train"]["cat"])


@pytest.mark.slow
def test_a_column_of_another_kind_is_said_in_a_line_and_fitted_anew(source, people, caplog):
    caplog.set_level("DEBUG", logger="lepton")
    source()
    people.assign(age=np.where(people["age"] > 40, "old", "young")).to_csv("other.csv", index=False)
    words = (*CSV, *TUNED, "dataset.path=other.csv", "preprocessing=quantile")
    data = build.data(check(compose(*words)))
    assert data.preprocessor.categories["age"].names == ("old", "young")
    assert "age is categorical here and numeric there, fitted anew" in caplog.text
    assert "dataset.columns.age=numeric keeps it" in caplog.text


def ids_of(*words):
    return run_id(check(compose(*CSV, "dataset.path=people.csv", "model=mlp_small", *words)))


@pytest.mark.slow
def test_runs_that_start_from_a_run_have_new_ids_and_others_keep_theirs(source, monkeypatch):
    folder = source()
    starts = {
        "study": ("finetune=full", "init_from=source"),
        "run": ("finetune=full", f"init_from={folder}"),
        "file": ("finetune=full", f"init_from={folder}/model.safetensors"),
        "none": (),
    }
    now = {name: ids_of(*words) for name, words in starts.items()}
    monkeypatch.delitem(REVISIONS, "preprocessing")
    before = {name: ids_of(*words) for name, words in starts.items()}
    assert now["study"] == now["run"]
    assert {name for name in starts if now[name] != before[name]} == {"study", "run"}


@pytest.mark.slow
def test_a_run_from_before_gets_the_inputs_that_it_was_trained_on(source, monkeypatch):
    source()
    words = (*CSV, *TUNED, "dataset.path=people.csv", "model=mlp_small")
    plain = inputs_of(check(compose(*CSV, "dataset.path=people.csv", "dataset.shots=8")))[1]
    with monkeypatch.context() as earlier:
        earlier.delitem(REVISIONS, "preprocessing")
        config = compose(*words)
    stored = inputs_of(check(config))[1]
    assert all(torch.equal(values, stored[name]) for name, values in plain.items())
    assert not torch.equal(inputs_of(check(compose(*words)))[1]["age"], plain["age"])


@pytest.mark.slow
def test_data_that_are_streamed_are_those_in_memory_and_told_apart_by_their_start(source):
    source()
    words = (*CSV, "dataset.path=people.csv", "dataset.shots=8", "model=mlp_small")
    start = ("finetune=full", "init_from=source")
    streamed = [
        inputs_of(check(compose(*words, *more, "dataset.memory_gb=0")))[1] for more in ((), start)
    ]
    whole = [inputs_of(check(compose(*words, *more)))[1] for more in ((), start)]
    for one, other in zip(streamed, whole, strict=True):
        assert all(torch.equal(values, other[name]) for name, values in one.items())


@pytest.mark.slow
def test_a_start_that_is_gone_is_a_line(source):
    folder = source()
    words = (*CSV, *TUNED, "dataset.path=people.csv", "model=mlp_small")
    config = check(compose(*words))
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(ConfigError, match="the run is gone whose preprocessing") as e:
        build.data(config)
    assert "\n" not in str(e.value)
