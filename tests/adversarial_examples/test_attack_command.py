"""`lepton attack`: what its files hold misleads the run as its table says, and keeps the rules."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lepton import load_model
from lepton.evaluation.loading import load_evaluated_run
from tests.review_files import write_reviews
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


REVIEWS = ("dataset=text_csv", "dataset.path=reviews.csv", "dataset.text=review")


@pytest.fixture
def reviews(here, run_once):
    frame = write_reviews("reviews.csv")
    words = (*REVIEWS, "dataset.target=liked", "model=bag_of_embeddings", "optimizer.lr=0.02")
    return frame, run_once(*words, "trainer=cpu", "trainer.max_epochs=8")


@pytest.mark.slow
def test_texts_mislead_the_run_by_typos_as_the_table_says(reviews, lepton):
    frame, run = reviews
    code, said, error = lepton("attack", str(run), "epsilon=0.3", "samples=20", "--out", "attacked")
    assert code == 0, error
    rows, inputs = (pd.read_csv(Path("attacked") / name) for name in ("rows.csv", "inputs.csv"))
    before = frame["review"].iloc[rows["id"]].str.split().tolist()
    after = inputs["review"].str.split().tolist()
    assert inputs.columns.tolist() == ["review"]
    for was, now, row in zip(before, after, rows.itertuples(), strict=True):
        changed = sum(a != b for a, b in zip(was, now, strict=True))
        assert changed == row.changed_words <= 0.3 * len(was)
        assert row.words == len(was)
        assert changed == 0 or row.before == row.target  # what is wrong anyway stays
        assert row.queries <= 500
    assert load_model(run).predict(inputs["review"].tolist()).tolist() == rows["after"].tolist()
    clean = [" ".join(words) for words in before]
    assert load_model(run).predict(clean).tolist() == rows["before"].tolist()
    other = (rows["before"] != rows["after"]).sum()
    assert other >= 6
    assert f"20 rows: {other} are predicted otherwise when changed." in said
    place = rows.index[rows["changed_words"] > 0][0]
    slip = next(b for a, b in zip(before[place], after[place], strict=True) if a != b)
    page = (Path("attacked") / "index.html").read_text()
    assert f'<span class="plus" style="--strength:100%">{slip}</span>' in page
    assert lepton("predict", str(run), "attacked/inputs.csv", "--out", "again.csv")[0] == 0
    again = pd.read_csv("again.csv")
    assert again["predicted"].tolist() == rows["after"].tolist()


@pytest.mark.slow
def test_a_text_becomes_the_same_alone_and_among_others(reviews, lepton):
    _, run = reviews
    options = ("epsilon=0.3", "queries=60")
    assert lepton("attack", str(run), "samples=20", *options, "--out", "many")[0] == 0
    rows, inputs = (pd.read_csv(Path("many") / name) for name in ("rows.csv", "inputs.csv"))
    place = rows.index[rows["changed_words"] > 0][-1]
    one = f"ids=[{rows['id'][place]}]"
    assert lepton("attack", str(run), one, *options, "--out", "one")[0] == 0
    assert pd.read_csv("one/inputs.csv")["review"].tolist() == [inputs["review"][place]]


@pytest.mark.slow
def test_a_text_that_begins_as_a_formula_is_predicted_as_the_file_holds_it(here, run_once, lepton):
    frame = write_reviews("reviews.csv")
    frame["review"] = "=" + frame["review"]
    frame.to_csv("reviews.csv", index=False)
    words = (*REVIEWS, "dataset.target=liked", "model=tfidf_linear")  # which has no gradient
    folder = run_once(*words)
    code, _, error = lepton("attack", str(folder), "epsilon=0.3", "--out", "attacked")
    assert code == 0, error
    rows, inputs = (pd.read_csv(Path("attacked") / name) for name in ("rows.csv", "inputs.csv"))
    assert inputs["review"].str.startswith("'=").all()
    assert load_model(folder).predict(inputs["review"].tolist()).tolist() == rows["after"].tolist()
    assert (rows["changed_words"] > 0).any()


@pytest.mark.slow
def test_keys_that_do_nothing_on_texts_are_refused(reviews, lepton):
    _, run = reviews
    keys = "is for numbers, pixels and samples; typos in texts take epsilon and queries"
    for word, line in (
        ("norm=l2", f"norm: {keys}"),
        ("immutable=[review]", f"immutable: {keys}"),
        ("epsilon=3", "epsilon: 3 is no share of words; from 0 to 1"),
    ):
        code, _, said = lepton("attack", str(run), word)
        assert (code, said) == (2, f"lepton: {line}\n")
    assert not Path("reports").exists()
