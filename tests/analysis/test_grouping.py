"""Comparisons of runs against scipy and against sums done by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lepton.analysis.grouping import (
    chosen_groups,
    difference_table,
    settings_to_match,
    summary_table,
    varying_settings,
)
from lepton.stats.pairs import mean_interval

GROUPS = {"model", "optimizer", "dataset"}


@pytest.fixture
def frame():
    """Five seeds of two models, in no order, with what a study's table has beside them."""
    rng = np.random.default_rng(0)
    rows = [
        {
            "run": f"{model}-{seed}",
            "model": model,
            "seed": seed,
            "dataset.fold": None,
            "test/auroc": rng.normal(0.8 if model == "mlp" else 0.78, 0.02),
        }
        for model in ("mlp", "linear")
        for seed in range(5)
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=3)


def scores_by_seed(frame, model):
    return frame[frame["model"] == model].sort_values("seed")["test/auroc"].to_numpy()


def test_a_summary_has_mean_spread_and_interval_of_each_group(frame):
    table = summary_table(frame, ["model"], "test/auroc").set_index("model")
    for model in ("mlp", "linear"):
        values, row = scores_by_seed(frame, model), table.loc[model]
        low, high = stats.t.interval(0.95, 4, loc=values.mean(), scale=stats.sem(values))
        assert row["n"] == 5
        assert row["mean"] == pytest.approx(values.mean())
        assert row["sd"] == pytest.approx(np.std(values, ddof=1))
        assert (row["low"], row["high"]) == pytest.approx((low, high))


def test_an_interval_by_hand():
    # three values: mean 2, standard error 1 / sqrt(3), t(0.975, 2) = 4.302653
    half_width = 4.302653 / np.sqrt(3)
    assert mean_interval(np.array([1.0, 2.0, 3.0])) == pytest.approx(
        (2.0, 2 - half_width, 2 + half_width), rel=1e-6
    )


@pytest.mark.parametrize("values", [[0.5], [0.4, 0.6]])
def test_one_run_and_two_have_a_mean_and_no_interval_and_no_run_has_neither(values):
    mean, low, high = mean_interval(np.array(values))
    assert mean == 0.5
    assert np.isnan([low, high]).all()
    assert np.isnan(mean_interval(np.array([]))).all()


def test_a_summary_without_keys_is_one_row_of_all(frame):
    (row,) = summary_table(frame, [], "test/auroc").to_dict("records")
    assert row["n"] == 10
    assert row["mean"] == pytest.approx(frame["test/auroc"].mean())


def test_a_summary_leaves_out_runs_without_the_metric(frame):
    frame.loc[frame["seed"] == 0, "test/auroc"] = np.nan
    assert summary_table(frame, ["model"], "test/auroc")["n"].tolist() == [4, 4]


def test_differences_are_paired_over_seeds_as_a_paired_t_test_is(frame):
    table = difference_table(frame, ["model"], "test/auroc", ("mlp",)).set_index("model")
    a, b = scores_by_seed(frame, "linear"), scores_by_seed(frame, "mlp")
    expected = stats.ttest_rel(a, b)
    low, high = expected.confidence_interval(0.95)
    row = table.loc["linear"]
    assert row["pairs"] == 5
    assert row["difference"] == pytest.approx((a - b).mean())
    assert row["p"] == pytest.approx(expected.pvalue)
    assert (row["low"], row["high"]) == pytest.approx((low, high))
    assert table.loc["mlp", "pairs"] == 0
    assert np.isnan(table.loc["mlp", "difference"])


def test_only_seeds_that_both_have_make_pairs(frame):
    frame = frame[~((frame["model"] == "linear") & frame["seed"].isin([1, 2]))]
    row = (
        difference_table(frame, ["model"], "test/auroc", ("mlp",)).set_index("model").loc["linear"]
    )
    assert row["pairs"] == 3
    expected = stats.ttest_rel(
        scores_by_seed(frame, "linear"), scores_by_seed(frame, "mlp")[[0, 3, 4]]
    )
    assert row["p"] == pytest.approx(expected.pvalue)


def test_folds_pair_with_the_same_fold_of_the_same_seed_and_seeds_of_a_fold_are_averaged(frame):
    both = pd.concat(
        [frame.assign(**{"dataset.fold": fold}) for fold in (0, 1, 2)], ignore_index=True
    )
    second = both["dataset.fold"] == 1
    both.loc[second, "test/auroc"] += 0.1 * (both["model"] == "linear")
    row = difference_table(both, ["model"], "test/auroc", ("mlp",)).set_index("model").loc["linear"]
    gap = (scores_by_seed(frame, "linear") - scores_by_seed(frame, "mlp")).mean()
    assert (row["pairs"], row["unit"]) == (3, "split")
    assert row["difference"] == pytest.approx(gap + 0.1 / 3)
    assert row["p"] == pytest.approx(stats.ttest_1samp([gap, gap + 0.1, gap], 0).pvalue)


def test_runs_with_and_without_folds_do_not_pair(frame):
    frame["dataset.fold"] = np.where(frame["model"] == "mlp", 0.0, np.nan)
    row = (
        difference_table(frame, ["model"], "test/auroc", ("mlp",)).set_index("model").loc["linear"]
    )
    assert row["pairs"] == 0
    assert np.isnan(row["p"])


def test_several_runs_of_one_seed_in_a_group_make_one_pair(frame):
    each = [frame.assign(**{"optimizer.lr": lr}) for lr in (1e-3, 1e-2)]
    both = pd.concat(each, ignore_index=True)
    both.loc[both["optimizer.lr"] == 1e-2, "test/auroc"] += 0.02
    row = difference_table(both, ["model"], "test/auroc", ("mlp",)).set_index("model").loc["linear"]
    assert row["pairs"] == 5
    assert row["p"] == pytest.approx(
        stats.ttest_rel(scores_by_seed(frame, "linear"), scores_by_seed(frame, "mlp")).pvalue
    )


def test_equal_differences_have_no_p_value(frame):
    frame["test/auroc"] = frame["seed"] + 1.0 * (frame["model"] == "mlp")
    row = (
        difference_table(frame, ["model"], "test/auroc", ("mlp",)).set_index("model").loc["linear"]
    )
    assert row["difference"] == -1
    assert np.isnan(row["p"])


def test_a_baseline_may_lack_a_value_that_the_others_differ_in(frame):
    frame["optimizer.lr"] = np.where(frame["model"] == "mlp", np.nan, 0.1)
    by = ["model", "optimizer.lr"]
    table = difference_table(frame, by, "test/auroc", ("mlp", np.nan)).set_index("model")
    assert table.loc["linear", "pairs"] == 5
    assert np.isnan(table.loc["mlp", "difference"])


def study(*rows):
    """A study's table of runs with these settings, and what every run has."""
    same = {"status": "finished", "study": "s", "runs": "runs", "rerun": False, "batch_size": 128}
    facts = {"score": 0.0, "seconds": 1.0, "epochs": 3, "best_epoch": 0, "parameters": 9}
    return pd.DataFrame(
        {
            "run": f"run{i}",
            "folder": f"f{i}",
            **same,
            "dataset": "wine",
            "dataset.split_seed": 0,
            **row,
            **{name: value + i for name, value in facts.items()},
            "test/accuracy": i / 10,
            "constant/test/accuracy": i / 20,
        }
        for i, row in enumerate(rows)
    )


MLP = {"model": "mlp", "optimizer": "adam", "seed": 0, "model.width": 64, "optimizer.lr": 0.1}
BOOSTING = {"model": "gradient_boosting", "seed": 0, "model.max_iter": 100}
RESNET = {"model": "resnet", "optimizer": "adam", "seed": 0, "model.depth": 2, "optimizer.lr": 0.1}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([MLP, MLP | {"seed": 1}], []),
        ([MLP, MLP | {"optimizer.lr": 0.2}], ["optimizer.lr"]),
        ([MLP, RESNET], ["model"]),
        ([MLP, RESNET, RESNET | {"model.depth": 3}], ["model", "model.depth"]),
        ([MLP, MLP | {"batch_size": 32}], ["batch_size"]),
        ([MLP, BOOSTING], ["model"]),
        ([MLP, MLP | {"optimizer.lr": 0.2}, BOOSTING], ["model", "optimizer.lr"]),
        ([MLP, MLP | {"optimizer": "sgd", "optimizer.momentum": 0.9}], ["optimizer"]),
        ([MLP, MLP | {"dataset.fold": 1}], []),
        ([MLP, MLP | {"dataset.split_seed": 1}], []),
        ([MLP | {"task.monitor": None}, MLP | {"task.monitor": "auroc"}], ["task.monitor"]),
        ([MLP, MLP | {"study": "t", "experiment": "e", "logger": "csv"}], []),
    ],
)
def test_what_varies_are_the_settings_that_differ_within_their_own_option(rows, expected):
    assert varying_settings(study(*rows), GROUPS) == expected


def test_p_values_are_corrected_by_holm_over_the_options(frame):
    third = frame[frame["model"] == "mlp"].assign(model="resnet")
    third["test/auroc"] += np.random.default_rng(1).normal(0.01, 0.01, len(third))
    table = difference_table(pd.concat([frame, third]), ["model"], "test/auroc", ("mlp",))
    table = table.set_index("model").drop("mlp")
    small, large = table["p"].min(), table["p"].max()
    assert table["p_holm"].min() == pytest.approx(min(2 * small, 1))
    assert table["p_holm"].max() == pytest.approx(max(large, min(2 * small, 1)))


def test_runs_that_make_a_pair_are_equal_in_every_setting_that_is_not_compared():
    rows = [
        MLP | {"optimizer.lr": lr, "model": model, "model.width": width, "seed": seed}
        for lr in (0.1, 0.2)
        for model, width in (("mlp", 64), ("resnet", 32))
        for seed in (0, 1)
    ]
    frame = study(*rows)
    sides = [frame[frame["model"] == model] for model in ("mlp", "resnet")]
    assert settings_to_match(*sides, ["model"]) == ["optimizer.lr"]
    table = difference_table(frame, ["model"], "test/accuracy", ("mlp",)).set_index("model")
    assert table.loc["resnet", "pairs"] == 2


def test_what_an_option_has_no_use_for_is_part_of_it():
    boosting = [BOOSTING | {"seed": seed} for seed in (0, 1)]
    rows = [MLP | {"optimizer.lr": lr, "seed": seed} for lr in (0.1, 0.2) for seed in (0, 1)]
    frame = study(*rows, *boosting)
    table = difference_table(frame, ["model"], "test/accuracy", ("mlp",)).set_index("model")
    assert table.loc["gradient_boosting", "pairs"] == 2


def test_options_that_differ_in_something_else_as_well_are_not_compared():
    frame = study(
        *(MLP | {"seed": s, "batch_size": 32} for s in (0, 1)),
        *(RESNET | {"seed": s, "batch_size": 64} for s in (0, 1)),
    )
    table = difference_table(frame, ["model"], "test/accuracy", ("mlp",)).set_index("model")
    assert table.loc["resnet", "pairs"] == 0


@pytest.mark.parametrize(
    ("column", "names"), [("finetune", ["head", "lora"]), ("model", ["tfidf_linear", "minilm"])]
)
def test_a_precision_that_came_with_an_option_is_no_difference_of_its_own(column, names):
    rows = [
        {column: name, "trainer.precision": precision, "seed": seed}
        for name, precision in zip(names, ["32-true", "auto"], strict=True)
        for seed in range(2)
    ]
    frame = pd.DataFrame(rows)
    assert varying_settings(frame, {column}) == [column]
    rows[0]["trainer.precision"] = "auto"
    assert varying_settings(pd.DataFrame(rows), {column}) == [column, "trainer.precision"]


def test_epochs_that_came_as_suggested_are_part_of_an_option_and_those_typed_are_none():
    rows = [
        {
            "regularization": name,
            "augmentation": augmentation,
            "seed": seed,
            "trainer.max_epochs": epochs,
            "suggested.max_epochs": epochs,
        }
        for name, augmentation, epochs in (
            ("swa", "none", 50),
            ("none", "none", 200),
            ("none", "x", 200),
        )
        for seed in range(2)
    ]
    options, groups = ["regularization", "augmentation"], {"regularization", "augmentation"}
    assert varying_settings(pd.DataFrame(rows), groups) == options
    for row in rows[:2]:
        row["suggested.max_epochs"] = 200
    assert varying_settings(pd.DataFrame(rows), groups) == [*options, "trainer.max_epochs"]


@pytest.mark.parametrize(
    ("second", "pairs", "unit"),
    [
        ({"seed": 0}, 1, "seed"),
        ({"seed": 1}, 0, "seed"),
        ({"seed": 0, "optimizer.lr": 0.2}, 0, "setting"),
        ({"seed": 0, "test/auroc": np.nan}, 0, "seed"),
    ],
)
def test_two_runs_are_a_pair_where_all_else_is_equal(second, pairs, unit):
    first = {"model": "mlp", "optimizer": "adam", "optimizer.lr": 0.1, "test/auroc": 0.8}
    rows = [{**first, "seed": 0}, {**first, "model": "linear", "test/auroc": 0.75, **second}]
    table = difference_table(pd.DataFrame(rows), ["model"], "test/auroc", ("mlp",)).iloc[1]
    assert (table["pairs"], table["unit"]) == (pairs, unit)
    assert table["difference"] == pytest.approx(-0.05 if pairs else np.nan, nan_ok=True)
    assert np.isnan([table["low"], table["high"], table["p"]]).all()


def with_encoders(**encoders):
    """Runs of two seeds, each with an encoder by name and the width that is its own."""
    return study(
        *(
            MLP
            | {"model": "multimodal", "model.encoders.text": name, "seed": seed}
            | {f"model.encoders.text.{key}": value for key, value in keys.items()}
            for name, keys in encoders.items()
            for seed in (0, 1)
        )
    )


def test_a_value_inside_of_an_inner_option_belongs_to_that_option():
    frame = with_encoders(cnn={"width": 3, "kernels": "[3]"}, bag={"width": 1}, null={})
    groups = chosen_groups(frame)
    assert "model.encoders.text" in groups
    assert varying_settings(frame, groups) == ["model.encoders.text"]
    widths = pd.concat([frame, frame.assign(**{"model.encoders.text.width": 5, "run": "other"})])
    assert varying_settings(widths, groups) == ["model.encoders.text", "model.encoders.text.width"]


@pytest.mark.parametrize("key", ["model.encoders.text", "model"])
def test_inner_options_pair_whatever_values_are_their_own(key):
    frame = with_encoders(cnn={"width": 3}, bag={"width": 1})
    frame.loc[frame["model.encoders.text"] == "bag", "model"] += " of bags"
    frame = frame if key == "model" else frame.assign(model="multimodal")
    table = difference_table(frame, [key], "test/accuracy", (frame[key].iloc[0],))
    assert table["pairs"].max() == 2
