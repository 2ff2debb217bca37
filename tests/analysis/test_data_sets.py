"""Runs are grouped by the content of their data, in tables, comparisons and ranks."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

from lepton.analysis.compared_keys import check_keys
from lepton.analysis.comparison import compare
from lepton.analysis.data_sets import unrecorded_note, with_data_sets
from lepton.analysis.grouping import chosen_groups, varying_settings
from lepton.analysis.study import gather_runs
from lepton.commands.results import main as results_command
from lepton.errors import LeptonError
from lepton.report.sections.ranking import ranking_section
from tests.tampering import forget_digests

CONTENT, NAME = "data_identity.content", "data_identity.name"


def runs_on(path, content, *, models=("mlp", "linear"), seeds=2, name=None, **more):
    """Finished runs of models over seeds that read a file with this content."""
    label = Path(path).stem if name is None else name
    return [
        {
            "run": f"{label}-{model}-s{seed}-{abs(hash((path, model, seed))) % 16**10:010x}",
            "status": "finished",
            "folder": f"runs/all/{label}-{model}-{seed}",
            "dataset": "csv",
            "dataset.path": path,
            "dataset.name": name,
            "dataset.target": "y",
            CONTENT: content,
            NAME: label if content else None,
            "model": model,
            "seed": seed,
            "score": -float(i),
            "test/auroc": 0.9 - 0.1 * i + 0.01 * seed,
            **more,
        }
        for i, model in enumerate(models)
        for seed in range(seeds)
    ]


def names_of(*runs):
    frame = with_data_sets(pd.DataFrame([row for rows in runs for row in rows]))
    return [*frame["dataset"].unique()]


def test_one_content_is_one_data_set_and_two_are_two():
    assert names_of(runs_on("base.csv", "aa"), runs_on("copy.csv", "aa")) == ["base"]
    assert names_of(runs_on("base.csv", "aa"), runs_on("other.csv", "bb")) == ["base", "other"]


def test_a_name_that_was_set_counts_before_the_files():
    assert names_of(runs_on("base.csv", "aa"), runs_on("b.csv", "aa", name="loans")) == ["loans"]


@pytest.mark.parametrize(
    ("first", "second", "names"),
    [
        (("a/train.csv", "aa"), ("b/train.csv", "bb"), ["a/train.csv", "b/train.csv"]),
        (("train.csv", "aa"), ("train.parquet", "bb"), ["train.csv", "train.parquet"]),
        (("d.csv", "aa1122aa"), ("d.csv", "bb1122bb"), ["d, aa1122", "d, bb1122"]),
        (("d.csv", "aa"), ("d.csv", "bb", {"dataset.target": "z"}), ["d, target=y", "d, target=z"]),
        (
            ("d.csv", "aa", {"name": "loans"}),
            ("e.csv", "bb", {"name": "loans", "dataset.rows": 9}),
            ["loans, aa", "loans, bb"],
        ),
    ],
)
def test_data_sets_of_one_name_are_told_apart(first, second, names):
    runs = [runs_on(path, content, **dict(*more)) for path, content, *more in (first, second)]
    assert names_of(*runs) == names


def test_runs_without_a_record_are_told_by_path_and_target_and_that_is_said():
    old, other = runs_on("base.csv", None), runs_on("other.csv", None, models=("mlp",), seeds=1)
    frame = with_data_sets(pd.DataFrame([*old, *other]))
    assert [*frame["dataset"].unique()] == ["base", "other"]
    assert unrecorded_note(frame).startswith("5 runs of earlier versions did not record")
    assert unrecorded_note(with_data_sets(pd.DataFrame(runs_on("base.csv", "aa")))) is None


def test_runs_without_a_record_are_not_taken_for_those_of_a_file_that_may_have_changed(tmp_path):
    old = [{**row, "folder": str(tmp_path)} for row in runs_on("base.csv", None)]
    assert names_of(old, runs_on("base.csv", "aa")) == ["base, content not recorded", "base, aa"]


def test_a_run_without_a_result_is_of_the_data_set_that_it_says():
    planned = {"run": "x", "status": "missing", "dataset": "csv", "dataset.path": "other.csv"}
    unsaid = {"run": "y", "status": "missing", "model": "mlp"}
    rows = [*runs_on("base.csv", "aa"), *runs_on("other.csv", "bb"), planned, unsaid]
    names = with_data_sets(pd.DataFrame(rows))["dataset"]
    assert names.iloc[-2] == "other"
    assert pd.isna(names.iloc[-1])
    names = with_data_sets(pd.DataFrame([*runs_on("base.csv", "aa"), unsaid]))["dataset"]
    assert names.iloc[-1] == "base"


def test_what_tells_data_sets_is_no_setting_and_no_pair_is_made_across_them():
    rows = [*runs_on("base.csv", "aa"), *runs_on("other.csv", "bb")]
    frame = with_data_sets(pd.DataFrame(rows))
    assert varying_settings(frame, chosen_groups(frame)) == ["dataset", "model"]
    for key in ("dataset", "dataset.path"):
        with pytest.raises(LeptonError, match="whose scores do not compare"):
            check_keys([key], frame)
    comparisons = compare(frame, ["model"], metric=None, baseline=None, select="score")
    assert [comparison.dataset for comparison in comparisons] == ["base", "other"]
    for comparison in comparisons:
        (pairs,) = (p for option, p in comparison.pairs.items() if option != comparison.baseline)
        assert len(pairs.differences) == 2
        assert "dataset.path" not in pairs.settings


def test_one_file_under_two_paths_repeats_the_same_runs():
    rows = [*runs_on("base.csv", "aa", seeds=1)]
    rows += [{**row, "seed": 1} for row in runs_on("copy.csv", "aa", seeds=1)]
    frame = with_data_sets(pd.DataFrame(rows))
    (comparison,) = compare(frame, ["model"], metric=None, baseline=None, select="score")
    assert set(comparison.table["n"]) == {2}


@pytest.mark.slow
def test_several_files_give_ranks_wins_and_a_critical_difference():
    generator, rows = np.random.default_rng(0), []
    for number in range(8):
        effects = np.add(generator.normal(0, 0.01, 3), [0.0, -0.05, -0.1])
        for model, effect in zip(("mlp", "linear", "tree"), effects, strict=True):
            (row,) = runs_on(f"f{number}.csv", f"c{number}", models=(model,), seeds=1)
            rows.append({**row, "test/auroc": 0.8 + effect})
    frame = with_data_sets(pd.DataFrame(rows))
    comparisons = compare(frame, ["model"], metric=None, baseline=None, select="score")
    (section,) = ranking_section(comparisons)
    sentence, table, _ = section.blocks
    scores = frame.pivot(index="dataset", columns="model", values="test/auroc")
    ranks = stats.rankdata(-scores.to_numpy(), axis=1).mean(0)
    expected = {m: f"{r:.2f}" for m, r in zip(scores, ranks, strict=True)}
    assert {row[0]: row[1] for row in table.rows} == expected
    baseline, wins = comparisons[0].baseline[0], {row[0]: row[2] for row in table.rows}
    for model in set(scores) - {baseline}:
        assert wins[model] == str((scores[model] > scores[baseline]).sum())
    chi2 = stats.friedmanchisquare(*scores.T.to_numpy()).statistic
    assert f"Friedman's chi-square {chi2:.2f}" in sentence.text


@pytest.fixture
def both(run_once, here):
    """Two models on two files, and on a copy of the first."""
    generator = np.random.default_rng(1)
    table = pd.DataFrame(generator.normal(size=(80, 2)), columns=["a", "b"])
    table.assign(y=(table["a"] > 0) * 1).to_csv("base.csv", index=False)
    table.assign(y=(table["b"] > 0.3) * 1).to_csv("other.csv", index=False)
    shutil.copy("base.csv", "copy.csv")
    words = ("dataset=csv", "dataset.target=y", "trainer.max_epochs=1")
    for path, seed in [("base.csv", 0), ("other.csv", 0), ("copy.csv", 1)]:
        for model in ("linear", "mlp_small"):
            run_once(*words, f"dataset.path={path}", f"model={model}", f"seed={seed}")
    return Path("runs", "default")


@pytest.mark.slow
def test_results_show_a_table_for_each_file_and_no_difference_between_them(both, capsys):
    results_command(["default"])
    text = capsys.readouterr().out
    assert [line for line in text.splitlines() if line.endswith(":")] == ["base:", "other:"]
    base, other = text.split("other:")
    assert (
        len([line for line in base.splitlines() if line.strip()[:6] in ("linear", "mlp_sm")]) == 2
    )
    frame = gather_runs(["default"])
    for part, name in ((base, "base"), (other, "other")):
        runs = frame[frame["dataset"] == name]
        for model in ("linear", "mlp_small"):
            mean = runs[runs["model"] == model]["test/auroc"].mean()
            assert f"{mean:.4f}" in next(
                x for x in part.splitlines() if x.strip().startswith(model)
            )
    assert "lepton results default --compare model" in text


@pytest.mark.slow
def test_a_study_grouped_by_its_data_has_one_table_without_differences(both, capsys):
    results_command(["default", "--group-by", "dataset,model"])
    header, *rows = capsys.readouterr().out.splitlines()
    assert "minus" not in header
    assert [row.split()[0] for row in rows[:4]] == ["base", "base", "other", "other"]
    assert not any(row.strip().startswith("constant") for row in rows)


def forget_content(folder):
    """Makes a run as earlier versions left it, with a folder named by the option."""
    config = yaml.safe_load((forget_digests(folder) / "config.yaml").read_text())
    del config["data_identity"], config["dataset"]["name"]
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    result = json.loads((folder / "result.json").read_text())
    name = f"csv-{folder.name.partition('-')[2]}"
    result |= {"config": config, "run": name}
    (folder / "result.json").write_text(json.dumps(result))
    folder.rename(folder.with_name(name))


@pytest.mark.slow
def test_an_older_run_is_of_the_data_that_its_id_says_while_they_are_what_they_were(both):
    for folder in both.glob("base-*"):
        forget_content(folder)
    frame = gather_runs(["default"]).set_index("run")
    assert {*frame["dataset"]} == {"base", "other"}
    assert {*frame.filter(like="csv-", axis=0)["dataset"]} == {"base"}
    assert unrecorded_note(frame) is None
    Path("base.csv").write_text(Path("other.csv").read_text())
    frame = gather_runs(["default"])
    assert {*frame["dataset"]} == {"base", "copy", "other"}
    assert unrecorded_note(frame).startswith("2 runs of earlier versions")


@pytest.mark.slow
def test_an_older_finished_run_is_found_under_its_old_name(both, run):
    (folder,) = both.glob("base-linear-*")
    forget_content(folder)
    words = ("dataset=csv", "dataset.target=y", "trainer.max_epochs=1", "dataset.path=base.csv")
    from lepton.storage.run_names import STUDIES

    STUDIES.clear()
    found = run(*words, "model=linear", "seed=0")
    assert found.name == f"csv-{folder.name.partition('-')[2]}"
    assert not list(both.glob("base-linear-*"))
