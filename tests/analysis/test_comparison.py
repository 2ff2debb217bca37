"""Comparisons: their tables, the questions that are refused, and the sentences they allow."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lepton.analysis.compared_keys import check_keys
from lepton.analysis.comparison import compare, selection_metric
from lepton.analysis.conclusions import caveats, conclusions, headline
from lepton.errors import LeptonError


def study(effect=0.02, seeds=5, models=("mlp", "linear"), noise=0.01, **more):
    """Finished runs of models, each `effect` worse than the one before it."""
    generator = np.random.default_rng(3)
    rows = [
        {
            "run": f"{model}{seed}",
            "status": "finished",
            "dataset": "german_credit",
            "model": model,
            "seed": seed,
            "score": -i * 1.0,
            "val/log_loss": i * 1.0,
            "test/auroc": 0.8 - i * effect + generator.normal(0, noise),
            "test/log_loss": 0.5 + i * effect + generator.normal(0, noise),
            **more,
        }
        for i, model in enumerate(models)
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows)


def compare_by(frame, *keys, metric=None, baseline=None, select="score", further=()):
    return compare(frame, [*keys], metric=metric, baseline=baseline, select=select, further=further)


def row(comparison, **option):
    table = comparison.table
    for key, value in option.items():
        table = table[table[key] == value]
    return table.iloc[0]


@pytest.mark.slow
def test_a_further_metric_is_told_as_scipy_tells_its_pairs_and_seconds_as_the_ratio_of_them():
    frame = study(models=("none", "mlp"))
    frame["seconds"] = np.where(frame["model"] == "mlp", 3.0, 2.0) * (1 + frame["seed"])
    (comparison,) = compare_by(frame, "model", further=["test/log_loss", "seconds"])
    losses, seconds = comparison.further
    a, b = (frame.loc[frame["model"] == m, "test/log_loss"].to_numpy() for m in ("mlp", "none"))
    interval = stats.ttest_rel(a, b).confidence_interval(0.95)
    (mlp,) = losses.table[losses.table["model"] == "mlp"].itertuples()
    assert (mlp.mean, mlp.difference, mlp.pairs) == pytest.approx((a.mean(), (a - b).mean(), 5))
    assert (mlp.low, mlp.high) == pytest.approx((interval.low, interval.high))
    (mlp,) = seconds.table[seconds.table["model"] == "mlp"].itertuples()
    assert (mlp.mean, mlp.difference, mlp.low, mlp.high) == pytest.approx((9, 1.5, 1.5, 1.5))


@pytest.mark.slow
def test_runs_without_a_further_metric_are_left_out_of_it_and_counted():
    frame = study(models=("none", "mlp", "linear"))
    frame.loc[frame["run"].isin(["mlp0", "mlp1"]), "test/log_loss"] = np.nan
    (comparison,) = compare_by(frame, "model", further=["test/log_loss"])
    (losses,) = comparison.further
    rows = {row.model: row for row in losses.table.itertuples()}
    assert (losses.lacking, rows["mlp"].pairs, rows["linear"].pairs) == (2, 3, 5)
    values = frame.set_index("run")["test/log_loss"]
    gaps = [values[f"mlp{seed}"] - values[f"none{seed}"] for seed in (2, 3, 4)]
    assert rows["mlp"].difference == pytest.approx(np.mean(gaps))
    frame.loc[frame["model"] == "none", "test/log_loss"] = np.nan
    (comparison,) = compare_by(frame, "model", further=["test/log_loss"])
    (losses,) = comparison.further
    assert losses.table["difference"].isna().all()
    assert losses.table["mean"].notna().all()


@pytest.mark.slow
def test_seconds_of_runs_alone_and_in_a_stack_are_not_compared():
    frame = study(models=("none", "mlp"), seconds=1.0)
    frame["trained"] = np.where(frame["model"] == "mlp", "stack of 5", "alone")
    (comparison,) = compare_by(frame, "model", further=["seconds"])
    (seconds,) = comparison.further
    assert seconds.table["difference"].isna().all()
    assert (seconds.table["mean"] == 1).all()


def test_an_options_row_holds_what_scipy_says_of_its_runs_and_of_their_pairs():
    frame = study()
    (comparison,) = compare_by(frame, "model")
    a, b = (frame.loc[frame["model"] == m, "test/auroc"].to_numpy() for m in ("linear", "mlp"))
    linear, expected = row(comparison, model="linear"), stats.ttest_rel(a, b)
    low, high = stats.t.interval(0.95, 4, a.mean(), stats.sem(a))
    assert linear[["n", "runs", "pairs", "lost"]].tolist() == [5, 5, 5, 0]
    assert linear[["mean", "sd", "low", "high"]].tolist() == pytest.approx(
        [a.mean(), a.std(ddof=1), low, high]
    )
    gap_low, gap_high = expected.confidence_interval(0.95)
    assert linear[["gap_low", "gap_high", "p"]].tolist() == pytest.approx(
        [gap_low, gap_high, expected.pvalue]
    )
    assert linear["better"] == pytest.approx(expected.pvalue / 2)


def test_the_probability_of_being_better_turns_where_smaller_is_better():
    (comparison,) = compare_by(study(effect=0.1), "model", metric="test/log_loss")
    assert row(comparison, model="linear")["difference"] > 0
    assert row(comparison, model="linear")["better"] < 0.01
    assert "is worse than model=mlp" in " ".join(conclusions(comparison))


@pytest.mark.slow
def test_options_are_ordered_by_validation_and_never_by_test():
    frame = study(effect=-0.2)
    (comparison,) = compare_by(frame, "model")
    assert comparison.options() == [("mlp",), ("linear",)]
    assert row(comparison, model="linear")["mean"] > row(comparison, model="mlp")["mean"]
    (comparison,) = compare_by(frame, "model", select="val/log_loss")
    assert comparison.options() == [("mlp",), ("linear",)]


@pytest.mark.slow
def test_the_baseline_is_the_one_named_else_none_else_the_best_by_validation():
    frame = study(models=("mlp", "none", "linear"))
    assert compare_by(frame, "model")[0].baseline == ("none",)
    assert compare_by(frame, "model", baseline="linear")[0].baseline == ("linear",)
    assert compare_by(study(), "model")[0].baseline == ("mlp",)


@pytest.mark.slow
def test_two_keys_are_compared_as_combinations():
    frame = pd.concat([study(), study().assign(batch_size=64)]).fillna({"batch_size": 32})
    (comparison,) = compare_by(frame, "model", "batch_size", baseline="linear,64")
    assert len(comparison.table) == 4
    assert comparison.baseline == ("linear", 64)
    assert comparison.option_name(("mlp", 32.0)) == "model=mlp, batch_size=32"


@pytest.mark.slow
def test_every_data_set_has_a_comparison_of_its_own_and_its_own_metric():
    other = study(dataset="diabetes").drop(columns=["test/auroc", "test/log_loss"])
    frame = pd.concat([study(), other.assign(**{"test/rmse": np.arange(10.0)})])
    credit, diabetes = compare_by(frame, "model")
    assert [c.dataset for c in (credit, diabetes)] == ["german_credit", "diabetes"]
    assert [c.metric for c in (credit, diabetes)] == ["test/auroc", "test/rmse"]
    assert [c.larger_is_better for c in (credit, diabetes)] == [True, False]


def test_runs_without_a_result_are_counted_beside_their_option():
    failed_runs = study().head(2).assign(status="failed", **{"test/auroc": np.nan, "score": np.nan})
    (comparison,) = compare_by(pd.concat([study(), failed_runs]), "model")
    assert row(comparison, model="mlp")["lost"] == 2
    assert row(comparison, model="linear")["lost"] == 0


def test_runs_that_lack_the_metric_are_counted_and_left_out():
    frame = study()
    frame.loc[frame["seed"] == 0, "test/auroc"] = np.nan
    (comparison,) = compare_by(frame, "model")
    assert comparison.runs_without_metric == 2
    assert comparison.table["n"].tolist() == [4, 4]


def test_an_infinity_is_no_value_of_a_metric_and_is_counted():
    frame = study()
    frame.loc[frame["seed"] == 0, "test/auroc"] = np.inf
    (comparison,) = compare_by(frame, "model")
    assert (comparison.runs_without_metric, comparison.table["n"].tolist()) == (2, [4, 4])


@pytest.mark.slow
def test_a_data_set_whose_runs_lack_what_options_are_ordered_by_is_ordered_by_score():
    other = study(dataset="diabetes").drop(columns=["test/auroc", "val/log_loss"])
    frame = pd.concat([study(), other.assign(**{"test/rmse": np.arange(10.0)})])
    credit, diabetes = compare_by(frame, "model", select="val/log_loss")
    assert credit.table["score"].tolist() == [0, 1]
    assert diabetes.table["score"].tolist() == [0, -1]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (["modle"], "--compare modle: no such setting; did you mean 'model'?"),
        (["dataset"], "all 10 finished runs have dataset=german_credit; they differ in model"),
        (["run"], "--compare run: no such setting"),
    ],
)
def test_keys_that_cannot_be_compared_are_a_line(keys, message):
    with pytest.raises(LeptonError) as error:
        check_keys(keys, study())
    assert message in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_too_many_options_are_a_search_and_not_a_table():
    frame = study(models=[f"m{i}" for i in range(41)], seeds=1)
    with pytest.raises(LeptonError, match="41 options are too many for a table"):
        check_keys(["model"], frame)


def test_a_test_score_chooses_nothing():
    with pytest.raises(LeptonError, match=r"use val/auroc$"):
        selection_metric("test/auroc", study())
    assert selection_metric("log_loss", study()) == "val/log_loss"
    with pytest.raises(LeptonError, match="no such metric; did you mean 'val/log_loss'"):
        selection_metric("val/logloss", study())


def test_a_baseline_that_is_no_option_names_those_there_are():
    with pytest.raises(
        LeptonError, match=r"--baseline mpl: .*did you mean 'mlp'\? \(mlp, linear\)"
    ):
        compare_by(study(), "model", baseline="mpl")


def test_a_metric_that_no_run_has_is_a_line():
    with pytest.raises(LeptonError, match=r"^test/rmse: no finished run has it$"):
        compare_by(study(), "model", metric="test/rmse")


def test_a_clear_difference_is_said_with_its_interval_and_p():
    (comparison,) = compare_by(study(effect=0.1), "model")
    (first,) = conclusions(comparison)
    (last,) = caveats([comparison])
    assert first.startswith("model=linear is worse than model=mlp by 0.")
    assert "5 seeds" in first
    assert "p < 0.001" in first
    assert "one split of the data" in last
    assert headline(comparison).endswith("1 of 1 option can be told from model=mlp by test/auroc.")


def test_what_chance_explains_is_said_to_be_not_told_apart():
    (comparison,) = compare_by(study(effect=0.0), "model")
    assert conclusions(comparison)[0].startswith(
        "5 seeds cannot tell model=linear and model=mlp apart:"
    )
    assert headline(comparison).startswith("No winner: no option can be told from model=mlp")


@pytest.mark.parametrize("effect", [-0.1, -0.0001])
def test_no_winner_is_said_first_where_another_option_is_better_on_the_test_split(effect):
    (comparison,) = compare_by(study(effect=effect), "model")
    means = comparison.table.set_index("model")["mean"]
    assert means["linear"] > means["mlp"]
    assert headline(comparison).startswith("No winner: ")
    assert (
        "model=mlp has the best val log_loss, and model=linear the better mean test auroc "
        f"({means['linear']:.4f}, not {means['mlp']:.4f})"
    ) in headline(comparison)


def test_smaller_test_means_are_better_where_the_metric_is_an_error():
    frame = study(effect=0.1).assign(**{"test/auroc": None})
    (comparison,) = compare_by(frame, "model", metric="test/log_loss")
    assert headline(comparison).startswith("model=mlp has the best val log_loss. 1 of 1")


def test_one_pair_is_said_to_be_chance():
    (comparison,) = compare_by(study(seeds=1), "model")
    assert (
        "in one pair of runs, which can be chance; add -m seed='range(5)'"
        in conclusions(comparison)[0]
    )
    assert "too few runs" in headline(comparison)


def search(seeds=1, trials=(12, 9, 3)):
    """Trials of three optimizers, each with settings of its own, averaged over seeds or not."""
    generator = np.random.default_rng(7)
    frame = pd.concat(
        study(seeds=seeds, models=("mlp",), effect=0).assign(
            optimizer=name,
            **{"optimizer.lr": lr, "test/auroc": 0.7 + 3 * lr + generator.normal(0, 0.001, seeds)},
        )
        for name, count in zip(("adam", "sgd", "lion"), trials, strict=True)
        for lr in generator.uniform(0.001, 0.01 if name == "adam" else 0.05, count)
    )
    return frame.assign(score=frame["test/auroc"], run=[f"r{i}" for i in range(len(frame))])


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [1, 3])
def test_options_of_a_search_are_compared_without_pairs_a_setting_each(seeds):
    frame = search(seeds)
    (comparison,) = compare_by(frame, "optimizer", baseline="adam")
    settings = frame.groupby(["optimizer", "optimizer.lr"])["test/auroc"].mean()
    adam = settings["adam"].to_numpy()
    p = {}
    for name in ("sgd", "lion"):
        expected = stats.ttest_ind(settings[name].to_numpy(), adam, equal_var=False)
        low, high = expected.confidence_interval(0.95)
        table_row = row(comparison, optimizer=name)
        assert table_row["pairs"] == 0
        assert table_row[["gap_low", "gap_high", "p"]].tolist() == pytest.approx(
            [low, high, expected.pvalue], rel=1e-6
        )
        assert np.isnan(table_row["better"])
        p[name] = expected.pvalue
    corrected = [row(comparison, optimizer=name)["p_holm"] for name in p]
    assert sorted(corrected) == pytest.approx(
        [2 * min(p.values()), max(*p.values(), 2 * min(p.values()))]
    )
    text = " ".join(conclusions(comparison))
    assert "Without pairs, optimizer=sgd and optimizer=adam are told apart: +0." in text
    assert "means of 9 and 12 settings, which differ in optimizer.lr too (Welch's 95 % [" in text
    assert "also one of all else that the runs differ in" in " ".join(caveats([comparison]))
    assert "can be told from optimizer=adam" in headline(comparison)


@pytest.mark.slow
def test_options_tried_with_the_same_values_are_compared_in_pairs():
    frame = search(seeds=4, trials=(3, 3, 3))
    frame["optimizer.lr"] = np.tile(np.repeat([0.1, 0.2, 0.3], 4), 3)
    (comparison,) = compare_by(frame, "optimizer")
    assert comparison.unpaired == {}
    assert comparison.table["pairs"].dropna().tolist() == [0, 4, 4]  # the baseline has none


@pytest.mark.slow
def test_without_pairs_seeds_that_differ_are_runs_and_single_runs_say_what_to_do():
    frame = study()
    frame["seed"] += (frame["model"] == "linear") * 10
    (comparison,) = compare_by(frame, "model")
    assert "between the means of 5 and 5 runs (Welch's 95 %" in conclusions(comparison)[0]
    frame["dataset.split_seed"] = frame["seed"]
    assert compare_by(frame, "model")[0].unpaired == {}
    frame = frame[frame["seed"] % 10 == 0].assign(**{"optimizer.lr": [1.0, 2.0]})
    (comparison,) = compare_by(frame, "model")
    assert conclusions(comparison) == [
        "Not comparable with model=mlp, since no two runs are equal in everything else (they "
        "differ in optimizer.lr too): model=linear. Train each with the same other settings and "
        "seeds."
    ]


@pytest.mark.slow
def test_differences_that_do_not_vary_are_said_as_such():
    (comparison,) = compare_by(study(noise=0.0), "model")
    assert conclusions(comparison)[0] == (
        "model=linear differs from model=mlp by -0.0200 test auroc on each of 5 seeds."
    )
    (comparison,) = compare_by(study(noise=0.0, effect=0.0), "model")
    assert (
        conclusions(comparison)[0]
        == "model=linear and model=mlp gave the same test auroc on all 5 seeds."
    )


def test_over_splits_nothing_is_said_of_one_split():
    frame = study(seeds=1)
    folds = pd.concat([frame.assign(**{"dataset.fold": fold}) for fold in range(3)])
    assert caveats(compare_by(folds, "model")) == []
