"""Keys against shuffled scores: one that matters, none that does, and blocks."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lepton.stats.importance import importance
from lepton.stats.key_chance import key_p_values


def grid(effect=0.0, seeds=5):
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(
        [(a, b, seed) for a in "xyz" for b in (1, 2) for seed in range(seeds)],
        columns=["a", "b", "seed"],
    )
    luck = generator.normal(0, 5, seeds)[frame["seed"]]
    own = generator.normal(0, 0.3, len(frame))
    return frame.assign(score=luck + own + effect * (frame["b"] == 2))


def test_one_key_has_the_p_value_of_the_analysis_of_variance():
    frame = grid(0.6).drop(columns="seed")
    p = key_p_values(frame, ["a"], frame["score"].to_numpy())["a"]
    samples = [group["score"] for _, group in frame.groupby("a")]
    assert p == pytest.approx(stats.f_oneway(*samples).pvalue, abs=0.05)


def test_scores_are_shuffled_among_runs_of_one_seed_whose_luck_is_no_noise_then():
    frame = grid(0.6)
    scores = frame["score"].to_numpy()
    within_seeds = key_p_values(frame, ["a", "b"], scores)
    of_all = key_p_values(frame.drop(columns="seed"), ["a", "b"], scores)
    assert within_seeds["b"] < 0.01 < of_all["b"]
    assert within_seeds["a"] > 0.05


def test_a_number_of_many_values_is_told_by_its_bins():
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({"lr": generator.uniform(size=80), "width": generator.uniform(size=80)})
    scores = frame["lr"] + generator.normal(0, 0.3, 80)
    p = key_p_values(frame, ["lr", "width"], scores.to_numpy())
    assert p["lr"] < 0.01
    assert p["width"] > 0.05


def test_importance_holds_the_p_value_of_each_key():
    weighed = importance(grid(0.6), ["a", "b"])
    assert weighed.p == key_p_values(grid(0.6), ["a", "b"], grid(0.6)["score"].to_numpy())


def test_the_same_runs_in_another_order_have_about_the_same_p_values():
    frame = grid(0.2).sample(frac=1, random_state=1)
    scores = frame["score"].to_numpy()
    first = key_p_values(frame, ["a", "b"], scores)
    other = key_p_values(grid(0.2), ["a", "b"], grid(0.2)["score"].to_numpy())
    assert first == pytest.approx(other, abs=0.06)
