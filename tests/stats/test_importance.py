"""Importance of keys: sums of squares of statsmodels, known functions, and refusals."""

import numpy as np
import pandas as pd
import pytest

from lepton.stats.importance import importance

Y = [3.1, 2.9, 4.0, 4.2, 5.1, 4.8, 3.0, 3.3, 6.1, 5.9, 8.2, 8.0]
# statsmodels 0.15, anova_lm(ols("y ~ C(a) * C(b)")): sums of squares
A, B, AB, RESIDUAL = 9.013333, 23.971667, 4.541667, 0.170000


def grid():
    return pd.DataFrame({"score": Y, "a": list("xxxxxxyyyyyy"), "b": [1, 1, 2, 2, 3, 3] * 2})


def test_a_balanced_grid_is_weighed_by_the_sums_of_squares_of_statsmodels():
    weighed = importance(grid(), ["a", "b"])
    total = A + B + AB + RESIDUAL
    assert weighed.method.startswith("functional ANOVA")
    assert weighed.shares == pytest.approx({"b": B / total, "a": A / total}, rel=1e-5)
    assert [*weighed.shares] == ["b", "a"]
    assert weighed.pairs == pytest.approx({("a", "b"): AB / total}, rel=1e-5)
    assert weighed.explained == pytest.approx(1 - RESIDUAL / total, rel=1e-5)
    assert weighed.top_two == ("b", "a")


@pytest.mark.slow
@pytest.mark.parametrize(("draws", "tolerance"), [(100, 0.02), (400, 0.01)])
def test_chance_alone_explains_as_much_as_is_said(draws, tolerance):
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({"a": np.repeat([0, 1, 2], 10), "score": 0.0})
    shares = []
    for _ in range(draws):
        frame["score"] = generator.normal(size=30)
        weighed = importance(frame, ["a"])
        shares.append(weighed.shares["a"])
    assert np.mean(shares) == pytest.approx(weighed.chance["a"], abs=tolerance)
    assert weighed.chance["a"] == pytest.approx(2 / 29)


def test_the_order_of_rows_and_the_names_of_values_change_nothing():
    frame = grid()
    other = frame.sample(frac=1, random_state=2).replace({"a": {"x": "q", "y": "p"}})
    first, second = (importance(f, ["a", "b"]) for f in (frame, other))
    assert second.shares == pytest.approx(first.shares)


def search(n=240, seed=0):
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "optimizer.lr": 10 ** generator.uniform(-4, -1, n),
            "model.dropout": generator.uniform(0, 0.5, n),
            "optimizer": generator.choice(["adam", "sgd"], n),
        }
    )
    x = np.log10(frame["optimizer.lr"]) + 2.5  # uniform on (-1.5, 1.5), variance 0.75
    y = 4 * (frame["model.dropout"] - 0.25)  # uniform on (-1, 1), variance 1/3
    return frame.assign(score=x + y)


@pytest.mark.slow
def test_a_search_is_weighed_by_shares_of_the_variance_that_add_up():
    weighed = importance(search(), ["optimizer.lr", "model.dropout", "optimizer"])
    assert "random forest" in weighed.method
    assert weighed.shares["optimizer.lr"] == pytest.approx(0.75 / (0.75 + 1 / 3), abs=0.1)
    assert weighed.shares["model.dropout"] == pytest.approx((1 / 3) / (0.75 + 1 / 3), abs=0.1)
    assert weighed.shares["optimizer"] < 0.02
    assert weighed.pairs["optimizer.lr", "model.dropout"] < 0.05
    assert weighed.explained > 0.9


@pytest.mark.slow
def test_a_product_of_two_keys_is_an_interaction():
    frame = search()
    x, y = np.log10(frame["optimizer.lr"]) + 2.5, frame["model.dropout"] - 0.25
    weighed = importance(frame.assign(score=x * y), ["optimizer.lr", "model.dropout"])
    assert weighed.pairs["optimizer.lr", "model.dropout"] > 0.5


@pytest.mark.slow
def test_a_search_tells_an_interaction_from_what_keys_do_alone_as_integrals_do():
    # x + y + xy, x uniform on (-1.5, 1.5), y on (-1, 1): variances 3/4, 1/3 and their product 1/4
    frame = search(400)
    x, y = np.log10(frame["optimizer.lr"]) + 2.5, 4 * (frame["model.dropout"] - 0.25)
    weighed = importance(frame.assign(score=x + y + x * y), ["optimizer.lr", "model.dropout"])
    total = 3 / 4 + 1 / 3 + 1 / 4
    assert weighed.shares["optimizer.lr"] == pytest.approx(1 / total, abs=0.1)
    assert weighed.shares["model.dropout"] == pytest.approx((1 / 3 + 1 / 4) / total, abs=0.1)
    assert weighed.pairs["optimizer.lr", "model.dropout"] == pytest.approx(1 / 4 / total, abs=0.1)


@pytest.mark.slow
def test_chance_is_not_taken_for_a_choice():
    frame = search().assign(score=np.random.default_rng(5).normal(size=240))
    weighed = importance(frame, ["optimizer.lr", "model.dropout"])
    assert weighed.explained == 0
    assert max(weighed.shares.values()) < 0.1


@pytest.mark.slow
def test_the_same_runs_give_the_same_shares():
    keys = ["optimizer.lr", "model.dropout"]
    assert importance(search(60), keys) == importance(search(60), keys)


def test_several_data_sets_are_made_comparable_before():
    frame = grid()
    both = pd.concat(
        [frame.assign(dataset="a"), frame.assign(dataset="b", score=1e3 * frame["score"])]
    )
    assert importance(both, ["a", "b"]).shares == pytest.approx(
        importance(frame, ["a", "b"]).shares
    )


@pytest.mark.parametrize(
    "frame",
    [
        grid().head(6),
        grid().assign(score=1.0),
        grid().assign(a=0, b=0),
        grid().assign(score=np.nan),
    ],
)
def test_too_little_to_weigh_is_none(frame):
    assert importance(frame, ["a", "b"]) is None
