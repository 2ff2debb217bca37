"""lepton synthesize: a data set that is read back, and says where each of its rows is from."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lepton.dataset.read.generated_mark import generator_of
from lepton.dataset.read.parquet_file import read_parquet

SHORT = ("resamples=5",)


@pytest.fixture
def loans(here):
    """A table of all kinds of columns, with missing cells, as a CSV; of two classes."""
    rng = np.random.default_rng(0)
    amount = rng.integers(1, 90, 240) * 100
    frame = pd.DataFrame(
        {
            "day": pd.date_range("2024-01-01", periods=240).strftime("%Y-%m-%d"),
            "amount": amount,
            "rate": np.where(rng.random(240) < 0.2, np.nan, rng.random(240).round(3)),
            "home": rng.choice(["own", "rent", None], 240),
            "guarantee": rng.choice(["yes", "no"], 240),
            "defaulted": np.where(amount + rng.normal(0, 2000, 240) > 4500, "bad", "good"),
        }
    )
    frame.to_csv("loans.csv", index=False)
    return ("dataset=csv", "dataset.path=loans.csv", "dataset.target=defaulted")


@pytest.mark.slow
def test_rows_are_written_as_those_of_the_table_and_trained_on_with_real_rows_to_test(
    loans, lepton, here
):
    code, out, _ = lepton("synthesize", *loans, "out=made/copula", "rows=150", "seed=3", *SHORT)
    assert code == 0
    assert out.splitlines()[0].startswith("verdict: ")
    assert out.splitlines()[-2:] == ["made/copula/rows.parquet", "made/copula/quality.html"]
    rows, real = pd.read_parquet("made/copula/rows.parquet"), pd.read_csv("loans.csv")
    assert rows.columns.tolist() == real.columns.tolist()
    assert len(rows) == 150
    assert {*rows["amount"]} <= {*real["amount"]}
    assert rows["amount"].dtype == np.int64
    assert {*rows["home"].dropna()} == {"own", "rent"}
    assert 0 < rows["rate"].isna().mean() < 0.5
    assert rows["day"].dt.strftime("%Y-%m-%d").isin(real["day"]).all()
    assert {*rows["guarantee"]} == {"yes", "no"}
    assert [path.name for path in here.glob("made/.*")] == []
    words = ("dataset=parquet", "dataset.path=made/copula/rows.parquet", "dataset.target=defaulted")
    short = ("model=mlp_small", "trainer=cpu", "trainer.max_epochs=1")
    real.assign(day=pd.to_datetime(real["day"])).to_parquet("real.parquet")
    code, out, said = lepton("train", *words, *short, "dataset.test_path=real.parquet")
    assert code == 0, said
    assert "made/copula/rows.parquet: rows are generated (generator=copula) (150)" in out + said


@pytest.mark.slow
def test_whole_numbers_that_no_integer_holds_are_written_as_they_are(loans, lepton, here):
    frame = pd.read_csv("loans.csv")
    frame.assign(amount=frame["amount"] * 1e18).to_csv("loans.csv", index=False)
    assert lepton("synthesize", *loans, "out=made", *SHORT)[0] == 0
    made = pd.read_parquet("made/rows.parquet")["amount"]
    assert {*made} <= {*pd.read_csv("loans.csv")["amount"]}


@pytest.mark.slow
def test_the_note_says_where_each_row_is_from(loans, lepton):
    pytest.importorskip("imblearn")
    words = ("out=more", "generator=smotenc", "dataset.drop=[day]", "rows=60")
    assert lepton("synthesize", *loans, *words, *SHORT)[0] == 0
    note, quality = (
        json.loads(Path(f"more/{name}.json").read_text()) for name in ("generated", "quality")
    )
    assert note["generated"] is True
    assert note["columns_left_out"] == ["day"]
    assert note["generator"]["neighbors"] == 5
    assert note["verdict"] == quality["verdict"]
    origin, rows = pd.read_parquet("more/origin.parquet"), pd.read_parquet("more/rows.parquet")
    real = pd.read_csv("loans.csv")
    assert origin["source"].unique().tolist() == [note["source"]["content"]]
    first, second = (real.iloc[origin[f"parent_{side}"]] for side in (1, 2))
    assert (first["defaulted"].to_numpy() == rows["defaulted"]).all()
    low, high = (
        f(first["amount"].to_numpy(), second["amount"].to_numpy()) for f in (np.minimum, np.maximum)
    )
    assert ((rows["amount"] >= low) & (rows["amount"] <= high)).all()
    assert (rows["amount"] == rows["amount"].round()).all()
    columns = pd.read_parquet("more/columns.parquet")["column"]
    assert {*columns} == {"amount", "rate", "home", "guarantee", "defaulted"}


@pytest.mark.slow
def test_generated_rows_are_refused_as_test_data_by_both_keys(loans, lepton, run):
    assert lepton("synthesize", *loans, "out=made", *SHORT)[0] == 0
    pd.read_csv("loans.csv").to_parquet("real.parquet")
    words = ("dataset=parquet", "dataset.path=real.parquet", "dataset.target=defaulted")
    code, _, said = lepton("train", *words, "dataset.test_path=made/rows.parquet")
    assert code == 2
    assert said.splitlines()[-1] == (
        "lepton: dataset.test_path=made/rows.parquet: its rows are generated (generator=copula), "
        "and a score on them says nothing of real ones; give real rows to test on"
    )
    folder = run(*loans, "model=linear", "trainer.max_epochs=1")
    code, _, said = lepton("evaluate", str(folder), "made/rows.parquet")
    assert (code, said.splitlines()[-1][:60]) == (
        2,
        "lepton: made/rows.parquet: its rows are generated (generator"[:60],
    )
    assert generator_of("made/rows.parquet") == "copula"
    assert generator_of("real.parquet") is None
    assert read_parquet("made/rows.parquet").equals(pd.read_parquet("made/rows.parquet"))


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "out: has no value yet; give out=..."),
        (["out=there"], "out=there: is there already; name a folder that is not there yet"),
        (["out=x", "rows=0"], "rows: 0 is not from 1 to 100000000"),
        (
            ["out=x", "dataset=digits"],
            "dataset, generator: generator=copula makes rows of a table ",
        ),
        (
            ["out=x", "dataset=vader"],
            "dataset, generator: generator=copula makes rows of a table al",
        ),
        (["out=x", "rows=2"], "rows, folds: 2 generated and 640 training rows are too few "),
        (["out=x", "generator=gan"], "generator=gan: no such option (options: bootstrap, copula"),
        (["out=x", "generator=smotenc", "generator.neighbors=0"], "generator.neighbors: 0 is not "),
        (["out=x", "max_near=2"], "max_near: 2 is not from 0 to 1"),
        (["out=x", "judged_on=train"], "judged_on: 'train' is not one of val, test"),
        (["out=x", "loans.csv"], "synthesize: 'loans.csv' is no key=value; usage: lepton synth"),
        (["out=x", "dataset.target=null"], "dataset.target: a generator makes classes or a number"),
        (["out=x", "dataset.val_size=0.01"], "judged_on=val: the split has 10 rows, and 20 at lea"),
        (["out=/dev/null/x"], "out=/dev/null/x: /dev/null is no folder"),
        (["out=x", "model=mlp"], "model: lepton synthesize has no such key"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(words, line, lepton, here):
    (here / "there").mkdir()
    code, out, said = lepton("synthesize", *words, *SHORT)
    assert code == 2
    assert out == ""
    (told,) = said.splitlines()
    assert told.startswith(f"lepton: {line}"), told
    assert [path.name for path in here.iterdir()] == ["there"]


def test_a_class_of_one_row_is_refused_by_its_name(lepton, here):
    frame = pd.DataFrame({"x": np.arange(200) % 7, "y": ["a", "b"] * 100})
    frame.loc[0, "y"] = "rare"
    frame.assign(part=["train"] * 100 + ["val"] * 50 + ["test"] * 50).to_csv("t.csv", index=False)
    words = ("dataset=csv", "dataset.path=t.csv", "dataset.target=y", "dataset.split=column")
    code, _, said = lepton("synthesize", *words, "dataset.split_column=part", "out=x")
    assert (code, said.splitlines()) == (
        2,
        [
            "lepton: dataset.target: class 'rare' has a single training row, of which no generator "
            "can learn; leave it out with dataset.where, or join it with another class"
        ],
    )
    assert not (here / "x").exists()
