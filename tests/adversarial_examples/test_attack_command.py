"""`lepton attack`: what its files hold misleads the run as its table says, and keeps the rules."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lepton import load_model
from lepton.evaluation.loading import load_evaluated_run
from tests.sound_files import write_tones

SHORT = ("trainer=cpu", "trainer.max_epochs=3", "resamples=0")
QUICK = ("steps=10", "apgd_steps=10", "queries=20")


@pytest.fixture
def digits(run_once):
    return run_once("dataset=digits", "model=cnn_small", *SHORT[:2])


@pytest.fixture
def loans(here, run_once):
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"income": draw.normal(40, 9, 200).round(3)})
    frame["age"] = draw.integers(18, 80, 200)
    frame["children"] = draw.integers(0, 5, 200)
    frame["town"] = draw.choice(["Bonn", "Ulm"], 200)
    risk = frame["income"] / 9 + frame["age"] / 6 + draw.normal(0, 0.5, 200)
    frame["late"] = np.where(risk > risk.median(), "yes", "no")
    frame.to_csv("loans.csv", index=False)
    words = ("dataset=csv", "dataset.path=loans.csv", "dataset.target=late", "model=mlp_small")
    options = (
        "preprocessing=standard",
        "trainer=cpu",
        "trainer.max_epochs=20",
        "optimizer.lr=0.01",
    )
    return frame, run_once(*words, *options)


def test_pictures_mislead_the_run_as_the_table_says_and_lie_within_epsilon(digits, lepton):
    code, said, error = lepton("attack", str(digits), "epsilon=0.2", "samples=8", *QUICK)
    assert code == 0, error
    folder = Path("reports") / f"{digits.name}-attacked"
    assert said.splitlines()[-1] == str(folder / "index.html")
    rows = pd.read_csv(folder / "rows.csv")
    assert len(rows) == 8
    assert (rows["before"] != rows["after"]).sum() >= 6
    model = load_evaluated_run(digits)
    clean = dict(zip(model.rows["id"].tolist(), model.rows["image"].numpy(), strict=True))
    pictures = [np.array(Image.open(folder / f"{row}.png")) for row in rows["id"]]
    for row, pixels in zip(rows.itertuples(), pictures, strict=True):
        difference = np.abs(pixels.astype(int) - clean[row.id][0].astype(int)).max()
        assert difference <= 0.2 * 255
        assert (difference > 0) == (row.before == row.target)  # what is wrong anyway stays
    predicted = load_model(digits).predict(pictures)
    assert [int(value) for value in predicted] == rows["after"].tolist()
    assert "predicted otherwise when changed" in (folder / "index.html").read_text()
    assert not [*Path("reports").glob(".*")]


def test_a_table_is_written_in_its_own_unit_and_keeps_the_rules(loans, lepton):
    frame, run = loans
    rules = ("epsilon=0.8", "samples=30", "immutable=[income]", "only_up=[age]")
    code, _, error = lepton("attack", str(run), *rules, *QUICK, "--out", "attacked")
    assert code == 0, error
    rows, inputs = (pd.read_csv(Path("attacked") / name) for name in ("rows.csv", "inputs.csv"))
    before = frame.iloc[rows["id"]].reset_index(drop=True)
    assert inputs.columns.tolist() == ["income", "age", "children", "town"]
    pd.testing.assert_frame_equal(inputs[["income", "town"]], before[["income", "town"]])
    assert inputs[["age", "children"]].dtypes.eq("int64").all()
    moved = inputs["age"] - before["age"]
    assert (moved >= 0).all()
    assert 0 < moved.max() <= 0.8 * frame["age"].std() * 1.1
    assert inputs["children"].between(0, 4).all()
    assert load_model(run).predict(inputs).tolist() == rows["after"].tolist()
    assert load_model(run).predict(before).tolist() == rows["before"].tolist()
    assert (rows["before"] != rows["after"]).any()


@pytest.mark.slow
def test_sounds_are_written_as_long_as_they_were(here, run, lepton):
    import soundfile

    write_tones(here / "tones")
    folder = run("dataset=audio_folder", "dataset.path=tones", "model=audio_cnn", "trainer=cpu")
    code, _, error = lepton("attack", str(folder), "epsilon=0.2", "samples=3", *QUICK)
    assert code == 0, error
    attacked = Path("reports") / f"{folder.name}-attacked"
    rows = pd.read_csv(attacked / "rows.csv")
    model = load_evaluated_run(folder)
    for row in rows["id"]:
        place = model.predictions.ids.tolist().index(row)
        name = model.inputs.inputs.iloc[place, 0]
        before, rate = soundfile.read(here / name)
        after, rate_after = soundfile.read(attacked / f"{row}.wav")
        assert rate == rate_after
        assert len(before) == len(after)
        assert 0 < np.abs(after - before).max() <= 0.2 + 1e-4
    paths = [str(attacked / f"{row}.wav") for row in rows["id"]]
    assert load_model(folder).predict(paths).tolist() == rows["after"].tolist()


def test_mistakes_are_told_in_a_line_and_nothing_is_written(digits, loans, lepton, here):
    Path("taken").mkdir()
    _, table = loans
    for run, words, line in (
        (digits, ("--out", "taken"), "--out taken: is there already; remove it"),
        (digits, ("epsilon=-0.1",), "epsilon: -0.1 is no size of a change; 0 at least"),
        (digits, ("ids=[999999]",), "ids: row 999999 is not in the test split"),
        (digits, ("steps=0",), "steps: 0 is not from 1 to"),
        (table, ("immutable=[agee]",), "immutable: 'agee' is no column of dataset; did you mean"),
        (table, ("only_down=[town]",), "only_down: 'town' is a category or a date"),
    ):
        code, _, said = lepton("attack", str(run), *words)
        assert code == 2
        assert said.startswith(f"lepton: {line}")
        assert said.count("lepton:") == 1
    assert not Path("reports").exists()
    assert not [*Path("taken").iterdir()]


@pytest.mark.slow
def test_texts_are_refused_by_what_an_attack_needs(run_once, lepton):
    folder = run_once("dataset=vader", "model=bag_of_embeddings", *SHORT[:2])
    code, _, said = lepton("attack", str(folder))
    assert code == 2
    assert "attack, dataset: the inputs (text) have no gradient that an attack could follow" in said
