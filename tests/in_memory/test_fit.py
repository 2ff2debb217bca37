"""`lepton.fit` is `lepton train` of a file with the same rows."""

import logging
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image

from lepton import compose, fit, load, train
from lepton.errors import ConfigError, DataError

QUICK = ("model=linear", "trainer.max_epochs=2", "trainer.accelerator=cpu", "study=memory")


def applicants(rows=120):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.normal(40, 9, rows), "city": rng.choice(["a", "b"], rows)})
    return frame.assign(late=frame["age"] + rng.normal(0, 5, rows) > 40)


def test_a_frame_trains_as_the_same_rows_in_a_file(here, fingerprint):
    frame = applicants()
    frame.to_parquet("rows.parquet")
    result = fit(frame, *QUICK, target="late")
    words = ("dataset=parquet", "dataset.path=rows.parquet", "dataset.target=late")
    other = train(compose(*words, *QUICK, "study=file"))
    first, second = Path("runs/memory", result.run), Path("runs/file", other.run)
    assert fingerprint(first) == fingerprint(second)


def test_the_same_rows_train_once_from_whichever_library(here):
    frame = applicants()
    result = fit(frame, *QUICK, target="late")
    stamp = Path("runs/memory", result.run, "result.json").stat().st_mtime_ns
    assert fit(pl.DataFrame(frame), *QUICK, target="late") == result
    assert fit(frame.drop(columns="late"), *QUICK, y=frame["late"]) == result
    assert Path("runs/memory", result.run, "result.json").stat().st_mtime_ns == stamp
    assert len(load("memory")) == len([*Path("runs/memory/data").iterdir()]) == 1


def test_commands_read_such_a_study_as_any_other(lepton, caplog):
    with caplog.at_level(logging.INFO, "lepton"):
        result = fit(applicants(), *QUICK, target="late")
    (again,) = [m.split("lepton train ")[1] for m in caplog.messages if "the same again" in m]
    assert "is finished" in "".join(lepton("train", *shlex.split(again))[1:])
    assert lepton("verify", f"runs/memory/{result.run}")[0] == 0
    code, output, _ = lepton("results", "memory")
    assert (code, "Looked at 1 run: 1 finished" in output) == (0, True)
    code, output, _ = lepton("sweep", "status", "memory")
    assert (code, output.splitlines()[0]) == (0, "runs/memory: 1 run: 1 finished")
    fit(applicants(), *QUICK, "seed=1", target="late")
    assert lepton("ensemble", "runs=memory")[0] == 0


def test_test_and_val_rows_are_those_that_were_given(here):
    frame = applicants()
    parts = {"val": frame[70:90], "test": frame[90:]}
    assert fit(frame[:70], *QUICK, target="late", **parts).rows == {
        "train": 70,
        "val": 20,
        "test": 30,
    }
    X, y = frame[["age"]].to_numpy(), frame["late"].to_numpy()
    result = fit(X[:90], *QUICK, y=y[:90], test=(X[90:], y[90:]))
    assert result.rows["test"] == 30
    ids = pd.read_parquet(f"runs/memory/{result.run}/predictions/test.parquet")["id"]
    assert ids.tolist() == list(range(90, 120))


def test_groups_are_not_divided(here):
    frame, groups = applicants(), np.arange(120) // 4
    result = fit(frame, *QUICK, target="late", groups=groups)
    folder = Path("runs/memory", result.run, "predictions")
    val, test = (pd.read_parquet(folder / f"{name}.parquet")["id"] for name in ("val", "test"))
    for ids in (val, test):
        assert np.isin(np.flatnonzero(np.isin(groups, groups[ids])), ids).all()


def test_texts_and_pictures_train(here):
    labels = ["good" if row % 2 else "bad" for row in range(60)]
    texts = [f"a {label} film {row}" for row, label in enumerate(labels)]
    result = fit(texts, "model=tfidf_linear", "study=memory", y=labels)
    assert result.metrics["test/accuracy"] == 1
    pixels = np.zeros((60, 8, 8), np.uint8)
    pixels[1::2] = 255
    pictures = [Image.fromarray(picture) for picture in pixels]
    options = ("model=cnn_small", "dataset.size=8", "dataset.duplicates=keep", *QUICK[1:])
    result = fit(pictures, *options, y=labels)
    assert result.rows == {"train": 38, "val": 10, "test": 12}
    for row, picture in enumerate(pictures):
        picture.save(f"{row}.png")
    of_files = fit([Path(f"{row}.png") for row in range(60)], *options, y=labels)
    assert of_files.metrics == result.metrics


@pytest.mark.parametrize(
    ("given", "words", "error", "line"),
    [
        ({"target": "late"}, ["model=mpl"], ConfigError, "model=mpl: no such option"),
        ({"target": "lete"}, [], DataError, "did you mean 'late'"),
        ({"target": "late"}, ["model=mpl"], ConfigError, r"(?s)^((?!no such file).)*$"),
        ({"target": "late"}, ["study=3"], ConfigError, "study: 3 is not str"),
        ({"target": "${seed}"}, [], ConfigError, "dataset.target: .* is read as an interpolation"),
        ({}, [], ConfigError, r"target: name the column .*\(there are: age, city, late\)"),
        ({}, ["late"], ConfigError, "'late' is a column; to predict it: target='late'"),
        ({}, [pd.Series([1, 2])], DataError, r"fit: a Series is no word; .* fit\(X, y=\.\.\.\)"),
        ({"target": "late"}, ["dataset.path=x"], ConfigError, "fit keeps the rows"),
        ({"target": "age"}, ["dataset.task=binary"], DataError, "age"),
    ],
)
def test_what_is_refused_leaves_nothing(here, given, words, error, line):
    with pytest.raises(error, match=line):
        fit(applicants(), *QUICK, *words, **given)
    assert not [path for path in here.rglob("*") if path.is_file()]
