"""Runs that used their labels in different ways are compared apart, and never as one."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import lepton.analysis.table as study_tables
from lepton.analysis.compared_keys import check_keys
from lepton.analysis.comparison import compare
from lepton.analysis.conclusions import caveats
from lepton.analysis.data_sets import with_data_sets
from lepton.analysis.label_use import without_label_use
from lepton.analysis.study import gather_runs
from lepton.errors import LeptonError
from lepton.report.sections.ranking import ranking_conclusion, ranking_section

KEY = "dataset.validation"


def few_runs(shots, validation, *, models=("mlp", "linear"), dataset="vader", **more):
    """Finished runs of models over seeds; None of `validation` is a run older than the key."""
    generator = np.random.default_rng(shots or 0)
    return [
        {
            "run": f"{dataset}-{model}-{shots}-{validation}-{seed}",
            "folder": f"runs/few/{dataset}-{model}-{shots}-{validation}-{seed}",
            "status": "finished",
            "dataset": dataset,
            "dataset.shots": shots,
            "model": model,
            "seed": seed,
            "score": -i * 1.0,
            "test/accuracy": 0.6 + 0.1 * i + generator.normal(0, 0.01),
            **({} if validation is None else {KEY: validation}),
            **more,
        }
        for i, model in enumerate(models)
        for seed in range(4)
    ]


def table(*runs):
    return with_data_sets(pd.DataFrame([row for rows in runs for row in rows]))


def comparisons_of(frame, *keys):
    return compare(frame, [*keys], metric="test/accuracy", baseline="mlp", select="score")


@pytest.mark.slow
def test_each_kind_is_compared_by_itself_and_runs_older_than_the_key_have_a_validation_split():
    frame = table(few_runs(16, "inside"), few_runs(16, None), few_runs(64, "outside"))
    by_name = {comparison.dataset: comparison for comparison in comparisons_of(frame, "model")}
    assert set(by_name) == {"vader, validation=inside", "vader, validation=outside"}
    inside = frame[frame["dataset"] == "vader, validation=inside"]
    scores = {model: runs["test/accuracy"].to_numpy() for model, runs in inside.groupby("model")}
    expected = stats.ttest_rel(scores["linear"], scores["mlp"])
    row = by_name["vader, validation=inside"].table.set_index("model").loc["linear"]
    assert (row["n"], row["p"]) == (4, pytest.approx(expected.pvalue))
    outside = by_name["vader, validation=outside"].table.set_index("model").loc["linear"]
    assert outside["runs"] == 8
    assert frame[KEY].value_counts().to_dict() == {"outside": 16, "inside": 8}


def test_runs_of_one_kind_are_one_data_set_under_its_own_name():
    for kinds in (("inside", "inside"), ("outside", None)):
        frame = table(*(few_runs(16 + i, kind) for i, kind in enumerate(kinds)))
        assert frame["dataset"].unique().tolist() == ["vader"]


def test_two_data_sets_of_one_kind_each_keep_their_names():
    frame = table(few_runs(16, "inside"), few_runs(16, "outside", dataset="wine"))
    assert frame["dataset"].unique().tolist() == ["vader", "wine"]


@pytest.mark.slow
def test_a_run_without_a_result_is_of_the_kind_of_finished_ones_with_as_many_rows():
    lost = {"status": "failed", "dataset": "vader", "model": "mlp", "seed": 9}
    planned = [
        {**lost, "run": f"r{i}", "folder": f"runs/few/r{i}", **more}
        for i, more in enumerate(
            [
                {"dataset.shots": 16},
                {"dataset.shots": 64},
                {"dataset.shots": 4},
                {"dataset.shots": 4, KEY: "inside"},
            ]
        )
    ]
    frame = table(few_runs(16, "inside"), few_runs(64, "outside"), planned)
    names = frame.set_index("run")["dataset"]
    expected = ["vader, validation=inside", "vader, validation=outside", None]
    assert [*names.loc[["r0", "r1"]], None] == expected
    assert pd.isna(names["r2"])
    assert names["r3"] == "vader, validation=inside"
    by_name = {c.dataset: c.table.set_index("model") for c in comparisons_of(frame, "model")}
    assert by_name["vader, validation=inside"].loc["mlp", "lost"] == 2
    assert by_name["vader, validation=outside"].loc["mlp", "lost"] == 1


@pytest.mark.parametrize("key", [KEY, "dataset.shots"])
def test_a_key_that_differs_between_the_kinds_alone_is_refused_with_how_to_choose_one(key):
    frame = table(few_runs(16, "inside"), few_runs(None, "outside"))
    with pytest.raises(LeptonError) as error:
        check_keys([key], frame)
    line = str(error.value)
    assert line.startswith(f"--compare {key}: it differs between runs that used their labels in")
    assert "dataset.validation=inside and outside" in line
    assert "--where 'dataset.validation == inside'" in line
    assert len(line.splitlines()) == 1


@pytest.mark.slow
def test_nothing_is_ranked_over_two_kinds_of_one_data_set_and_a_sentence_says_that_they_are_apart():
    one = comparisons_of(table(few_runs(16, "inside"), few_runs(64, "outside")), "model")
    assert ranking_section(one) == []
    assert ranking_conclusion(one) == []
    assert "compared apart" in " ".join(caveats(one))
    other = few_runs(16, "inside", dataset="wine")
    two = comparisons_of(table(few_runs(16, "inside"), few_runs(64, "outside"), other), "model")
    [section] = ranking_section(two)
    assert "share their test rows: no ranks" in section.blocks[0].text
    assert ranking_conclusion(two) == []


def test_a_name_is_cut_at_a_kind_alone():
    names = ["vader", "vader, validation=inside", "a, validation=b", None]
    assert [*map(without_label_use, names)] == ["vader", "vader", "a, validation=b", None]


@pytest.mark.slow
def test_all_rows_of_one_kind_are_compared_beside_shots_of_the_other():
    frame = table(few_runs(16, "inside"), few_runs(64, "inside"), few_runs(None, "outside"))
    comparisons = compare(
        frame, ["model", "dataset.shots"], metric="test/accuracy", baseline=None, select="score"
    )
    options = {comparison.dataset: {*comparison.options()} for comparison in comparisons}
    assert options["vader, validation=outside"] == {("mlp", None), ("linear", None)}
    assert len(options["vader, validation=inside"]) == 4


@pytest.mark.slow
def test_finished_runs_say_their_kind_and_their_rows_count_once(run_once):
    few = ("dataset=wine", "model=linear", "dataset.shots=2", "trainer.max_epochs=1", "study=few")
    for kind in ("inside", "outside"):
        run_once(*few, f"dataset.validation={kind}")
    frame = gather_runs(["few"]).set_index("dataset")
    inside, outside = (frame.loc[f"wine, validation={kind}"] for kind in ("inside", "outside"))
    for run in (inside, outside):
        rows = [run[f"rows/{name}"] for name in ("train", "val", "left_out")]
        assert rows[0] == 6
        assert sum(rows) == pytest.approx(4 * run["rows/test"])  # of five fifths one is tested
    assert inside["rows/val"] == 0


@pytest.mark.slow
def test_tables_of_a_study_are_apart_too_and_no_ranks_over_them_are_offered(monkeypatch, capsys):
    frame = table(few_runs(16, "inside", error=None), few_runs(16, None, error=None))
    monkeypatch.setattr(study_tables, "gather_runs", lambda studies: frame)
    study_tables.show_study("few")
    shown = capsys.readouterr().out
    assert shown.index("vader, validation=inside:") < shown.index("vader, validation=outside:")
    assert "compared apart" in shown
    assert "ranks over all" not in shown
