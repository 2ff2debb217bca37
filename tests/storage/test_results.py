"""Results of runs, read one by one, and a study read as a table."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

from lepton import load
from lepton.errors import Diverged, LeptonError, Pruned
from lepton.storage.columns import COLUMN_TYPES
from lepton.storage.results import RESULT_FORMAT, read_result
from lepton.storage.run_folder import read_pruned_run
from tests.storage.conftest import end_run_with
from tests.tampering import forget_digests

WINE = ("dataset=wine", "model=mlp_small", "trainer.max_epochs=1")


@pytest.mark.slow
def test_a_study_loads_as_a_table_with_the_documented_columns(run):
    folder = run(*WINE, "seed=7", "optimizer.lr=0.02", "regularization=[ema,label_smoothing]")
    (row,) = load("default").to_dict("records")
    assert row["run"] == folder.name
    assert (row["status"], row["folder"]) == ("finished", str(folder))
    assert (row["model"], row["optimizer"], row["dataset"]) == ("mlp_small", "adamw", "wine")
    assert row["regularization"] == "ema+label_smoothing"
    assert (row["seed"], row["optimizer.lr"], row["batch_size"]) == (7, 0.02, 128)
    result = json.loads((folder / "result.json").read_text())
    for name, value in result["metrics"].items():
        assert row[name] == value
        assert row[f"constant/{name}"] == result["constant"][name]
    for name in ("score", "seconds", "epochs", "best_epoch", "parameters", "trainable"):
        assert row[name] == result[name]
    assert not any(name.endswith("_target_") for name in row)


@pytest.mark.slow
def test_runs_of_several_models_and_tasks_load_together(run):
    run(*WINE)
    run("dataset=wine", "model=gradient_boosting", "model.max_iter=2")
    run("dataset=diabetes", "model=linear", "trainer.max_epochs=1")
    frame = load("default").set_index("model")
    assert sorted(frame.index) == ["gradient_boosting", "linear", "mlp_small"]
    assert frame["test/rmse"].notna().tolist() == (frame["dataset"] == "diabetes").tolist()
    assert pd.isna(frame.loc["gradient_boosting", "optimizer.lr"])
    assert pd.isna(frame.loc["gradient_boosting", "optimizer"])
    assert frame.loc["gradient_boosting", "model.max_iter"] == 2


@pytest.mark.slow
def test_what_features_add_has_columns_of_its_own_also_where_0_1_had_a_field_for_it(run_once):
    folder = forget_digests(run_once(*WINE))
    content = json.loads((folder / "result.json").read_text())
    assert content.pop("added") == {}
    later = {"before": {"test/mae": 2.0}, "source": {"after/test/mae": 3.0}, "spread": {"x": 4.0}}
    earlier = {"before": later["before"], "forgetting": later["source"]}
    for stored, features in (({"added": later}, 3), (earlier, 2)):
        (folder / "result.json").write_text(json.dumps(content | stored))
        (row,) = load("default").to_dict("records")
        added = {"before/test/mae": 2.0, "source/after/test/mae": 3.0, "spread/x": 4.0}
        expected = dict([*added.items()][:features])
        assert {name: row.get(name) for name in added if name in row} == expected


@pytest.mark.slow
def test_a_study_loads_by_path_and_by_name_and_an_empty_one_is_an_empty_table(run, here):
    run(*WINE)
    assert load("default").equals(load(Path("runs") / "default"))
    assert load(here / "runs" / "default")["run"].equals(load("default")["run"])
    (here / "runs" / "empty").mkdir()
    assert load("empty").empty


def test_a_study_that_does_not_exist_names_those_that_do(here):
    with pytest.raises(LeptonError, match=rf"^credit: no such study; none is in {here}/runs, wh"):
        load("credit")
    for name in ("b", "a"):
        run_folder = here / "runs" / name / "wine-mlp-s0-0123456789"
        run_folder.mkdir(parents=True)
        (run_folder / "config.yaml").touch()
    (here / "runs" / "mlartifacts").mkdir()  # of a tracker, which is no study
    with pytest.raises(LeptonError, match=r"^credit: no such study; studies in ./runs: a, b$"):
        load("credit")


@pytest.mark.slow
def test_a_result_that_cannot_be_read_or_holds_other_things_than_results_is_named(run):
    folder = forget_digests(run(*WINE))
    good = json.loads((folder / "result.json").read_text())
    mistyped = [good | {"score": "high"}, good | {"seconds": []}, good | {"parameters": 1.5}]
    mistyped += [good | {"metrics": good["metrics"] | {"test/auroc": "x"}}, good | {"metrics": []}]
    mistyped += [good | {"run": 3}, good | {"config": good["config"] | {"seed": "a"}}]
    unreadable = ["", "{", '{"run": "x"}', "[1]", "\0\0", '{"a": 1}', *map(json.dumps, mistyped)]
    for content in unreadable:
        (folder / "result.json").write_text(content)
        (row,) = load("default").to_dict("records")
        assert (row["run"], row["status"]) == (folder.name, "unreadable")
        assert row["error"].startswith("result.json: not a result")
        assert len(row["error"].splitlines()) == 1
        with pytest.raises(LeptonError, match=f"{folder}/result.json: not a result"):
            read_result(folder)


@pytest.mark.parametrize("content", ["", "[1]", "{}"])
def test_a_failure_that_cannot_be_read_is_named(here, content):
    folder = here / "study" / "run.failed"
    folder.mkdir(parents=True)
    (folder / "failure.json").write_text(content)
    (row,) = load("study").to_dict("records")
    assert (row["run"], row["status"]) == ("run", "unreadable")
    assert row["error"].startswith("failure.json: not a failure")


STRANGE = (
    ("choices", {"model": ["mlp"]}, "config.yaml: not a config of lepton's: choices.model is"),
    ("choices", {1: "mlp"}, "config.yaml: not a config of lepton's: choices.1 is"),
    ("revisions", {"model": [1]}, "config.yaml: not a config of lepton's: revisions.model is"),
    ("dataset", ["csv"], "config.yaml: not a config of lepton's: dataset is"),
    ("task", None, "config.yaml: not a config of lepton's: task is None"),
    ("seed", "abc", "failure.json: not a run of lepton's (seed is 'abc')"),
)


@pytest.mark.parametrize(("key", "value", "line"), STRANGE)
def test_a_failure_whose_config_is_not_as_lepton_writes_it_is_named(here, key, value, line):
    folder = here / "study" / "run.failed"
    folder.mkdir(parents=True)
    (folder / "failure.json").write_text('{"run": "run", "error": "no", "traceback": ""}')
    (folder / "config.yaml").write_text(yaml.safe_dump({"seed": 1, "study": "study"}))
    assert load("study")["status"].tolist() == ["failed"]
    (folder / "config.yaml").write_text(yaml.safe_dump({"seed": 1, key: value}))
    (row,) = load("study").to_dict("records")
    assert (row["run"], row["status"]) == ("run", "unreadable")
    assert row["error"].startswith(line)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["choices", "revisions"])
def test_a_result_whose_config_holds_a_list_where_one_value_is_due_is_named(run, place):
    file = forget_digests(run(*WINE)) / "result.json"
    content = json.loads(file.read_text())
    content["config"].setdefault(place, {})["model"] = ["mlp"]
    file.write_text(json.dumps(content))
    (row,) = load("default").to_dict("records")
    assert row["status"] == "unreadable"
    assert "['mlp']" in row["error"]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["part", "old", "failed", "pruned"])
def test_only_finished_folders_are_loaded_as_finished_runs(run, suffix):
    folder = run(*WINE)
    copy = folder.with_name(f"other.{suffix}")
    copy.mkdir()
    (copy / "result.json").write_text((folder / "result.json").read_text())
    assert load("default")["run"].tolist() == [folder.name]
    assert {p.name for p in folder.parent.iterdir()} == {folder.name, copy.name}


@pytest.mark.slow
def test_a_result_of_another_format_is_named_with_what_to_do_and_one_without_is_read(run):
    file = forget_digests(run(*WINE)) / "result.json"
    content = json.loads(file.read_text())
    assert content.pop("format") == RESULT_FORMAT == 1
    first = load("default")
    file.write_text(json.dumps({**content, "added_later": 1}))
    assert load("default").equals(first)
    file.write_text(json.dumps({**content, "format": 2}))
    (row,) = load("default").to_dict("records")
    assert row["status"] == "unreadable"
    expected = r"result.json: has format 2, and this version of lepton reads 1; read it with .*"
    assert re.fullmatch(expected, row["error"])


@pytest.mark.slow
def test_the_columns_that_are_always_there_have_their_types_whatever_the_runs(run, here):
    (here / "runs" / "empty").mkdir(parents=True)
    end_run_with(ZeroDivisionError())
    run(*WINE)
    expected = {**COLUMN_TYPES}
    if pd.__version__ < "3":
        expected = {name: "object" if kind == "str" else kind for name, kind in expected.items()}
    for study in ("empty", "study", "default"):
        frame = load(study)
        assert {name: str(frame[name].dtype) for name in COLUMN_TYPES} == expected
        assert frame["error"].isna().sum() == (frame["status"] == "finished").sum()


@pytest.mark.slow
def test_a_run_says_how_many_rows_each_split_had(run):
    run(*WINE)
    (row,) = load("default").to_dict("records")
    assert [row[f"rows/{split}"] for split in ("train", "val", "test")] == [113, 29, 36]


def test_a_diverged_and_a_pruned_run_load_as_rows_with_their_settings(here):
    end_run_with(Diverged("training loss is nan"))
    (row,) = load("study").to_dict("records")
    assert (row["run"], row["status"], row["seed"]) == ("run", "diverged", 3)
    assert row["error"] == "Diverged: training loss is nan"
    end_run_with(Pruned(1, [0.5, 0.25]))
    (row,) = load("study").to_dict("records")
    assert (row["run"], row["status"], row["seed"], row["epochs"]) == ("run", "pruned", 3, 2)
    assert read_pruned_run(Path("study/run"))["scores"] == [0.5, 0.25]


@pytest.mark.parametrize("content", ["", "[1]", "{}"])
def test_a_pruned_run_that_cannot_be_read_is_named(here, content):
    folder = here / "study" / "run.pruned"
    folder.mkdir(parents=True)
    (folder / "pruned.json").write_text(content)
    (row,) = load("study").to_dict("records")
    assert (row["run"], row["status"]) == ("run", "unreadable")
    assert row["error"].startswith("pruned.json: not a pruned run")
