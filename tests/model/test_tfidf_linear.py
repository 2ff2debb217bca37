"""The reference for texts, against scikit-learn's own pipeline."""

import numpy as np
import pytest
import skops.io
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline, make_union

from lepton.errors import ConfigError, DataError, LeptonError
from lepton.example import make_text_spec
from lepton.model.tfidf_linear import TfidfLinear, _strength

SETTINGS = {
    "words": [1, 2],
    "characters": [2, 4],
    "min_documents": 2,
    "max_features": 500,
    "strengths": [1.0],
    "max_iter": 300,
    "seed": 0,
}
VOCABULARY = ["good", "bad", "fine", "awful", "film", "plot", "actor", "scene", "音乐"]


def split(task, rows, seed):
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(VOCABULARY, 6)) for _ in range(rows)]
    score = np.array([t.count("good") + t.count("fine") - t.count("bad") for t in texts])
    target = {
        "binary": (score > 0).astype(np.float32),
        "multiclass": (np.clip(score, -1, 1) + 1).astype(np.int64),
        "multilabel": np.stack(
            [["film" in t, "bad" in t, "音乐" in t, "plot" in t] for t in texts]
        ).astype(np.float32),
        "regression": score.astype(np.float32),
    }[task]
    column = np.array(texts, dtype=object)[:, None]
    return {"texts": column, "target": torch.from_numpy(target)}


def fitted(task, texts=1, weights=None, **changes):
    model = TfidfLinear(spec=make_text_spec(task, texts=texts), **SETTINGS | changes)
    train, val = split(task, 200, 0), split(task, 60, 1)
    if texts == 2:
        for rows in (train, val):
            rows["texts"] = np.concatenate([rows["texts"], rows["texts"][::-1]], 1)
    model.fit(train, val, weights)
    return model, train, val


def pipeline(last):
    options = {"min_df": 2, "max_features": 500, "sublinear_tf": True}
    word_counts = TfidfVectorizer(ngram_range=(1, 2), **options)
    character_counts = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), **options)
    return make_pipeline(make_union(word_counts, character_counts), last)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "regression"])
def test_predictions_are_those_of_scikit_learns_pipeline(task):
    model, train, val = fitted(task)
    x, y, x_val = train["texts"][:, 0], train["target"].numpy(), val["texts"][:, 0]
    if task == "regression":
        expected = pipeline(Ridge(alpha=1.0, solver="sparse_cg")).fit(x, y).predict(x_val)
    else:
        columns = y.T if task == "multilabel" else [y]
        probabilities = [
            pipeline(LogisticRegression(max_iter=300)).fit(x, c).predict_proba(x_val)
            for c in columns
        ]
        positive = [p[:, 1] for p in probabilities]
        expected = {
            "binary": positive[0],
            "multiclass": probabilities[0],
            "multilabel": positive,
        }[task]
        expected = np.stack(expected, 1) if task == "multilabel" else expected
    np.testing.assert_allclose(model.predict(val), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_the_strength_of_the_lowest_validation_loss_is_kept():
    chosen = fitted("multiclass", strengths=[0.01, 1.0, 100.0])[0]
    losses = {}
    for strength in (0.01, 1.0, 100.0):
        model, _, val = fitted("multiclass", strengths=[strength])
        p = model.predict(val).gather(1, val["target"][:, None]).double()
        losses[strength] = -p.log().mean().item()
    assert min(losses, key=losses.get) == chosen.models[0].C


@pytest.mark.slow
@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "regression"])
@pytest.mark.parametrize("texts", [1, 2])
def test_a_saved_model_predicts_as_before(task, texts, tmp_path):
    model, _, val = fitted(task, texts)
    model.save(tmp_path)
    restored = TfidfLinear(spec=model.spec, **SETTINGS)
    restored.load(tmp_path)
    assert torch.equal(restored.predict(val), model.predict(val))


@pytest.mark.slow
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_label_that_training_has_everywhere_or_nowhere_is_predicted_as_such(value, tmp_path):
    whole, train, val = fitted("multilabel")
    train["target"][:, 1] = value
    model = TfidfLinear(spec=whole.spec, **SETTINGS)
    model.fit(train, val)
    predicted, others = model.predict(val), [0, 2, 3]
    assert predicted[:, 1].tolist() == [value] * 60
    assert predicted[:, others].equal(whole.predict(val)[:, others])
    model.save(tmp_path)
    restored = TfidfLinear(spec=whole.spec, **SETTINGS)
    restored.load(tmp_path)
    assert restored.predict(val).equal(predicted)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_folds_whose_rows_cannot_be_scored_choose_no_strength(task):
    """Of two folds one has no class of its training, or no row that weighs."""
    strengths = {"strengths": [0.01, 1.0, 100.0]}
    train, val = split(task, 200, 0), split(task, 60, 1)
    of_one = {**val, "weight": torch.zeros(60, dtype=torch.float64)}
    learned = train
    if task == "multiclass":
        places = np.flatnonzero(val["target"].numpy() == 2)
        of_one = {name: values[places.tolist()] for name, values in val.items()}
        places = np.flatnonzero(train["target"].numpy() != 2)
        learned = {name: values[places.tolist()] for name, values in train.items()}
    mute, speaking, model, unguided = (
        TfidfLinear(spec=make_text_spec(task), **SETTINGS | strengths) for _ in range(4)
    )
    mute.fit(learned, of_one)
    speaking.fit(train, val)
    model.fit_whole(train, None, [mute, speaking])
    assert model.strengths == [_strength(speaking.models[0])]
    unguided.fit_whole(train, None, [mute])
    assert (unguided.strengths, _strength(mute.models[0])) == ([1.0], 1.0)
    if task == "multiclass":
        assert not mute.predict(of_one)[:, 2].any()


def test_class_weights_are_those_of_scikit_learn():
    weights = torch.tensor([1.0, 5.0])
    model, train, val = fitted("binary", weights=weights)
    reference = pipeline(LogisticRegression(max_iter=300, class_weight={0: 1.0, 1: 5.0}))
    reference.fit(train["texts"][:, 0], train["target"].numpy())
    expected = reference.predict_proba(val["texts"][:, 0])[:, 1]
    np.testing.assert_allclose(model.predict(val), expected, rtol=1e-4, atol=1e-5)


def test_a_file_with_foreign_types_is_refused(tmp_path):
    import types

    skops.io.dump({"models": [types.SimpleNamespace(a=1)]}, tmp_path / "model.skops")
    with pytest.raises(LeptonError, match=r"SimpleNamespace, which no tfidf_linear model does"):
        TfidfLinear(spec=make_text_spec("binary"), **SETTINGS).load(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strengths": []}, r"model\.strengths: \[\]"),
        ({"strengths": [0.0]}, r"model\.strengths: \[0\.0\]"),
        ({"words": [], "characters": []}, r"model\.words, model\.characters: one of them"),
    ],
)
def test_values_that_mean_nothing_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        TfidfLinear(spec=make_text_spec("binary"), **SETTINGS | changes)


def test_texts_that_share_nothing_are_refused():
    with pytest.raises(
        DataError,
        match=r"model\.min_documents=201 is more than the 200 texts that are learned from$",
    ):
        fitted("binary", min_documents=201)


@pytest.mark.parametrize(
    ("texts", "least", "message"),
    [
        (
            "a b, c d, a d, b c",
            1,
            r"no word .* in any of the 4 .* from; model\.words=\[\] counts characters alone$",
        ),
        (
            "aa xx, aa yy, bb zz, cc",
            3,
            r"no word or run .* in 3 of the 4 .*; model\.min_documents=1 keeps more$",
        ),
        ("aa, bb, cc, dd", 2, r"no run of characters .* in 2 of the 4 .*=1 keeps more$"),
    ],
)
def test_the_kind_of_terms_is_named_of_which_none_stands_in_enough_texts(texts, least, message):
    rows = {"texts": np.array(texts.split(", "), dtype=object)[:, None]}
    rows["target"] = torch.tensor([0.0, 1, 0, 1])
    sizes = {"words": [] if "dd" in texts else [1, 1], "characters": [2, 2]}
    settings = SETTINGS | sizes | {"min_documents": least}
    with pytest.raises(DataError, match=message):
        TfidfLinear(spec=make_text_spec("binary"), **settings).fit(rows, rows)


def test_texts_of_nothing_are_told_though_every_term_counts():
    empty = {"texts": np.full((4, 1), " ", dtype=object), "target": torch.tensor([0.0, 1, 0, 1])}
    model = TfidfLinear(spec=make_text_spec("binary"), **SETTINGS | {"min_documents": 1})
    with pytest.raises(
        DataError, match=r"no word or run .* in any of the 4 texts that are learned from$"
    ):
        model.fit(empty, empty)
