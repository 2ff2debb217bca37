"""dataset.test_size=0: all rows train and choose the epoch, and nothing is said of a test."""

import numpy as np
import pandas as pd
import pytest

from lepton import compose, fit, load, train
from lepton.errors import ConfigError, LeptonError
from lepton.rescoring.rescore import rescore_test_split

NONE = ("dataset.test_size=0", "trainer.max_epochs=2", "trainer.accelerator=cpu", "study=none")


@pytest.mark.slow
def test_all_rows_are_in_train_or_val_and_no_metric_is_of_a_test(run):
    folder = run("dataset=wine", "model=linear", *NONE)
    (row,) = load("none").to_dict("records")
    assert (row["rows/train"], row["rows/val"]) == (149, 29)
    assert not [name for name in row if "test/" in name]
    assert [path.stem for path in (folder / "predictions").iterdir()] == ["val"]
    assert row["constant/val/accuracy"] > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["dataset=wine", "dataset.split=random"],
        ["dataset=wine", "dataset.duplicates=drop"],
        ["dataset=digits", "model=cnn_small", "trainer.limit_batches=2"],
    ],
    ids=" ".join,
)
def test_other_splits_and_kinds_do_without_too(run, words):
    folder = run("model=linear", *words, *NONE)
    assert not (folder / "predictions" / "test.parquet").exists()


@pytest.mark.slow
def test_a_test_file_is_scored_whatever_the_size_says(here):
    frame = pd.DataFrame({"x": np.sin(np.arange(60)), "y": np.arange(60) % 2})
    result = fit(frame[:40], "model=linear", *NONE, target="y", test=frame[40:])
    assert result.rows["test"] == 20
    result = fit(frame[:40], "model=linear", *NONE[1:], target="y", val=frame[40:])
    assert result.rows == {"train": 40, "val": 20}
    assert str(result).split()[1:3] == ["val", "auroc"]


@pytest.mark.slow
def test_tables_show_what_there_is(lepton):
    assert lepton("train", "dataset=wine", "model=linear", *NONE)[0] == 0
    code, output, _ = lepton("results", "none")
    assert code == 0
    assert "val auroc" in output
    assert "test auroc" not in output
    assert lepton("report", "none")[0] == 0
    assert lepton("show", "dataset=wine", "dataset.test_size=0")[0] == 0


@pytest.mark.slow
def test_what_needs_a_test_split_says_so(run, lepton):
    with pytest.raises(ConfigError, match="evaluation: needs a test split"):
        train(compose("dataset=wine", "model=linear", "evaluation=slices", *NONE))
    folder = run("dataset=wine", "model=linear", *NONE)
    with pytest.raises(LeptonError, match=r"has no test split \(dataset.test_size=0\); an eval"):
        rescore_test_split(folder, {"evaluation": {}})
    assert lepton("verify", str(folder))[0] == 0
    code, _, error = lepton("ensemble", f"runs={folder}")
    assert code == 2
    assert "has no test split" in error
    with pytest.raises(LeptonError, match=r"dataset.test_size: -0.1"):
        compose("dataset=wine", "dataset.test_size=-0.1")
