"""Intervals of means: over splits rather than runs, inside the range of a metric, of three at
least."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lepton.analysis.grouping import difference_table, summary_table
from lepton.config.options import CONF_DIR
from lepton.metric.ranges import RANGES, metric_range
from lepton.metric.scoring import METRICS
from lepton.report.number_format import format_interval
from lepton.stats.pairs import mean_interval
from lepton.stats.repetitions import (
    unit_scores,
    unit_scores_by_group,
    with_untested_rows,
)

ROWS = {"rows/train": 640, "rows/val": 160, "rows/test": 200}


def runs(splits, seeds, key="dataset.split_seed", models=("a", "b"), **facts):
    """Runs whose scores vary much with the split and hardly with the seed."""
    generator = np.random.default_rng(0)
    scores = 0.8 + generator.normal(0, 0.03, (len(models), splits, 1))
    scores = scores + generator.normal(0, 1e-4, (len(models), splits, seeds))
    return pd.DataFrame(
        {"model": model, key: split, "seed": seed, "test/auroc": scores[m, split, seed], **facts}
        for m, model in enumerate(models)
        for split in range(splits)
        for seed in range(seeds)
    )


def first_row(frame):
    return summary_table(frame, ["model"], "test/auroc").iloc[0]


def test_seeds_on_a_split_are_one_value_and_splits_that_share_rows_are_corrected():
    frame = runs(4, 5, **ROWS)
    row = first_row(frame)
    means = frame[frame["model"] == "a"].groupby("dataset.split_seed")["test/auroc"].mean()
    # Nadeau and Bengio: the variance of the mean is s^2 (1 / n + rows tested / rows learned from)
    half_width = stats.t.ppf(0.975, 3) * means.std() * np.sqrt(1 / 4 + 200 / 800)
    assert (row["n"], row["units"], row["unit"]) == (20, 4, "split")
    expected = (means.mean() - half_width, means.mean() + half_width)
    assert (row["low"], row["high"]) == pytest.approx(expected)


def test_folds_share_no_test_rows_and_are_corrected_by_less():
    frame = runs(5, 2, "dataset.fold", **ROWS)
    row = first_row(frame)
    means = frame[frame["model"] == "a"].groupby("dataset.fold")["test/auroc"].mean()
    half_width = stats.t.ppf(0.975, 4) * means.std() * np.sqrt(1 / 5 + 1 / 4 / 5)
    assert row["high"] - row["mean"] == pytest.approx(half_width)


def test_two_splits_are_too_few_however_many_seeds_they_have():
    frame = runs(2, 9, **ROWS)
    row = first_row(frame)
    gap = difference_table(frame, ["model"], "test/auroc", ("a",)).iloc[1]
    assert np.isnan([row["low"], row["high"], gap["low"], gap["high"], gap["p"]]).all()
    assert format_interval(row["low"], row["high"], units=row["units"]) == "n too small"


def test_the_mean_is_one_over_splits_where_these_have_different_numbers_of_seeds():
    frame = runs(3, 2)
    frame = pd.concat([frame, frame[frame["dataset.split_seed"] == 0]])
    means = frame[frame["model"] == "a"].groupby("dataset.split_seed")["test/auroc"].mean()
    assert first_row(frame)["mean"] == pytest.approx(means.mean())


@pytest.mark.parametrize("seeds", [3, 5])
def test_an_interval_that_fits_the_range_is_the_t_interval(seeds):
    values = 0.8 + 0.01 * np.arange(seeds)
    expected = stats.t.interval(0.95, seeds - 1, values.mean(), stats.sem(values))
    assert mean_interval(values, limits=(0, 1))[1:] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("values", "limits"),
    [
        ([0.9, 0.5, 0.7], (0, 1)),
        ([1.0, 0.99, 0.9], (0, 1)),
        ([0.02, 0.0, 0.1], (0, 1)),
        ([0.9, -0.5, 0.3], (-1, 1)),
        ([0.1, 2.0, 0.4], (0, np.inf)),
        ([0.9, -3.0, 0.7], (-np.inf, 1)),
    ],
)
def test_an_interval_stays_inside_the_range_and_turns_with_it(values, limits):
    values = np.array(values)
    mean, low, high = mean_interval(values, limits=limits)
    assert limits[0] < low < mean < high < limits[1]
    mirrored = mean_interval(-values, limits=(-limits[1], -limits[0]))
    assert mirrored == pytest.approx((-mean, -high, -low))


def test_on_the_logit_scale_the_limits_lie_as_far_from_the_mean_as_the_delta_method_says():
    values = np.array([0.9, 0.5, 0.7])
    mean, low, high = mean_interval(values, limits=(0, 1))
    step = stats.t.ppf(0.975, 2) * stats.sem(values) / (mean * (1 - mean))

    def logit(x):
        return np.log(x / (1 - x))

    assert [logit(mean) - logit(low), logit(high) - logit(mean)] == pytest.approx([step, step])


def test_a_difference_is_no_wider_than_the_range():
    frame = runs(3, 1, models=("a", "b"))
    frame["test/auroc"] = [0.0, 0.1, 0.2, 0.9, 0.1, 1.0]
    gap = difference_table(frame, ["model"], "test/auroc", ("a",)).iloc[1]
    assert (gap["low"], gap["high"]) == (pytest.approx(-0.67, abs=0.2), 1)


def test_values_outside_of_the_range_show_that_it_is_not_theirs():
    values = np.array([1.2, 0.7, 0.95])  # as Brier's score of several classes
    expected = stats.t.interval(0.95, 2, values.mean(), stats.sem(values))
    assert mean_interval(values, limits=(0, 1))[1:] == pytest.approx(expected)


def test_every_metric_of_a_task_and_every_option_of_metric_has_a_range():
    options = {path.stem for path in (CONF_DIR / "metric").glob("*.yaml")} - {"none"}
    assert options <= set(RANGES)
    assert {name for metrics in METRICS.values() for name in metrics} <= set(RANGES)
    assert metric_range("test@slices/worst/accuracy") == (0, 1)
    assert metric_range("test/of_a_user") == (-np.inf, np.inf)


@pytest.mark.slow
def test_many_groups_at_once_have_the_units_of_each_by_itself():
    rng, count = np.random.default_rng(0), 90
    frame = pd.DataFrame(
        {
            "seed": pd.array(rng.integers(0, 4, count), dtype="Int64"),
            "dataset.fold": rng.choice([0, 1, None], count),
            "dataset.split_seed": rng.choice([0, 0, 0, 7], count),
            "rows/train": rng.integers(90, 110, count),
            "rows/val": 30,
            "rows/test": 40,
            "test/auroc": rng.choice([np.nan, *rng.random(9)], count),
        }
    )
    numbers = np.sort(rng.integers(0, 40, count))[::-1]  # some groups hold no run, many one
    units = set()
    by_group = unit_scores_by_group(frame, "test/auroc", numbers, 41)
    for group, (values, scores) in enumerate(by_group):
        rows = frame[numbers == group]
        alone = unit_scores(rows, "test/auroc")
        assert scores.values.tolist() == alone.values.tolist()
        assert (scores.unit, scores.ratio) == (alone.unit, alone.ratio)
        assert values.tolist() == rows["test/auroc"].dropna().tolist()
        units.add(scores.unit)
    assert group == 40
    assert units == {"run", "seed", "split"}


def draw_of_few_rows(generator, *, rows, splits, tested, luck):
    """Differences of two options on the test rows that each split draws, whose mean is 0.

    `luck`: what the few rows that are trained on do to a score, beside what the test rows do.
    """
    gaps = generator.normal(0, 0.3, rows)
    drawn = [generator.permutation(rows)[:tested] for _ in range(splits)]
    return np.array([gaps[test].mean() for test in drawn]) + generator.normal(0, luck, splits)


@pytest.mark.slow
@pytest.mark.parametrize("luck", [0.0, 0.03])
def test_intervals_over_draws_of_few_rows_hold_the_truth_and_are_not_several_times_too_wide(luck):
    facts = {"rows/train": 32, "rows/val": 10, "rows/test": 120}
    facts |= {"dataset.shots": 16, "dataset.test_size": 0.2, "dataset.split": "group"}
    few = runs(5, 1, **facts)
    ratio = unit_scores(with_untested_rows(few), "test/auroc").ratio
    assert ratio == pytest.approx(120 / 480)  # and not 120 / 42, which is over three times as wide
    generator = np.random.default_rng(1)
    told = {"rows": 600, "splits": 5, "tested": 120, "luck": luck}
    intervals = [mean_interval(draw_of_few_rows(generator, **told), ratio) for _ in range(1000)]
    held = np.mean([low <= 0 <= high for _, low, high in intervals])
    assert 0.93 <= held <= (0.97 if luck == 0 else 0.995)


def test_rows_left_out_are_told_by_the_share_of_the_test_rows_or_by_folds():
    frame = pd.DataFrame(
        {
            "rows/train": [640, 48, 48, 64, 48],
            "rows/val": [160, 160, np.nan, 160, 160],
            "rows/test": [200, 200, 200, 250, 200],
            "dataset.shots": [None, 24, 24, None, 24],
            "dataset.fraction": [1.0, 1.0, 1.0, 0.1, 1.0],
            "dataset.test_size": 0.2,
            "dataset.folds": [None, None, None, 4, None],
            "dataset.split": [*["stratified"] * 4, "column"],
        }
    )
    left_out = with_untested_rows(frame)["rows/left_out"].tolist()
    assert left_out == pytest.approx([np.nan, 592, 752, 526, np.nan], nan_ok=True)
    assert "rows/left_out" not in with_untested_rows(frame.head(1))


def test_training_rows_that_folds_validated_count_once():
    facts = {"rows/train": 800, "rows/val": 800, "rows/test": 200}
    inside, outside = (
        with_untested_rows(runs(4, 1, **facts, **{"dataset.validation": kind}))
        for kind in ("inside", "outside")
    )
    assert unit_scores(inside, "test/auroc").ratio == pytest.approx(200 / 800)
    assert unit_scores(outside, "test/auroc").ratio == pytest.approx(200 / 1600)


def test_splits_without_a_validation_split_are_corrected_all_the_same():
    frame = runs(4, 1, **{"rows/train": 800, "rows/test": 200})
    means = frame[frame["model"] == "a"]["test/auroc"]
    half_width = stats.t.ppf(0.975, 3) * means.std() * np.sqrt(1 / 4 + 200 / 800)
    row = first_row(frame)
    assert row["high"] - row["mean"] == pytest.approx(half_width)
