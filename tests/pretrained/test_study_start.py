"""`init_from=STUDY` is its best run by validation, as if the folder of that run were named."""

import json
import shutil

import pytest

from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.identity import run_id
from lepton.errors import ConfigError
from lepton.pretrained.study_start import _common_metric
from lepton.storage.run_log import SHOWN_LINES

SOURCE = ("dataset=wine", "model=mlp_small", "trainer.max_epochs=2", "study=source")
TUNED = ("dataset=wine", "model=mlp_small", "finetune=full", "dataset.shots=8")
TREES = ("model=gradient_boosting", "model.max_iter=2")


def started_from(init_from):
    return check(compose(*TUNED, f"init_from={init_from}"))


@pytest.mark.slow
def test_a_study_means_its_best_run_by_validation_and_the_run_of_that_name(run_once, caplog):
    folders = [run_once(*SOURCE, f"seed={seed}") for seed in (0, 1)]
    scores = [
        json.loads((folder / "result.json").read_text())["metrics"]["val/log_loss"]
        for folder in folders
    ]
    best = folders[scores.index(min(scores))]
    SHOWN_LINES.clear()
    with caplog.at_level("INFO", "lepton"):
        named, by_path = started_from("source"), started_from("runs/source")
    assert named["init_from"] == by_path["init_from"] == str(best)
    assert run_id(named) == run_id(started_from(best))
    assert run_id(named) != run_id(started_from(folders[scores.index(max(scores))]))
    said = f"init_from=source: {best}, the best of 2 runs by val log_loss {min(scores):.4f}"
    assert said in caplog.messages
    shutil.rmtree(best)
    assert started_from("source")["init_from"] == str(folders[scores.index(max(scores))])


@pytest.mark.slow
@pytest.mark.parametrize("is_gone", [True, False])
def test_of_a_study_whose_only_run_is_damaged_the_file_is_named(run_once, is_gone):
    result = run_once(*SOURCE) / "result.json"
    content = result.read_text()
    result.unlink()
    if not is_gone:
        result.write_text(content[:-40])
    with pytest.raises(ConfigError) as refused:
        started_from("source")
    line = str(refused.value)
    assert line.startswith(
        f"init_from: source: a study without a finished run of a network; {result.parent}"
    )
    assert "result.json: " in line
    assert "\n" not in line


@pytest.mark.slow
def test_runs_that_do_not_compare_or_have_no_network_are_refused_in_a_line(run_once):
    run_once("dataset=wine", "study=trees", *TREES)
    with pytest.raises(ConfigError, match=r"^init_from: trees: a study without a finished run"):
        started_from("trees")
    folder = run_once(*SOURCE, "seed=0")
    other = run_once("dataset=breast_cancer", *SOURCE[1:], "seed=0")
    assert {folder.parent, other.parent} == {folder.parent}
    with pytest.raises(ConfigError) as refused:
        started_from("source")
    [line] = str(refused.value).splitlines()
    assert "breast_cancer, wine" in line
    assert "init_from=runs/source/" in line
    shutil.rmtree(other)
    run_once(*SOURCE, "seed=0", "task.monitor=accuracy")
    with pytest.raises(ConfigError, match="scores are val accuracy and val log_loss"):
        started_from("source")


def test_two_metrics_of_one_value_do_not_keep_runs_from_comparing():
    metrics = {"val/log_loss": 0.3, "val/accuracy": 0.9, "val/auroc": 0.8}
    equal = {**metrics, "val/auroc": 0.9, "score": 0.9}  # its accuracy and its AUROC are the same
    rows = [{**metrics, "score": 0.8, "task.monitor": None}, {**equal, "task.monitor": None}]
    for row in rows:
        row |= {"dataset": "wine", "folder": "runs/source/a"}
    assert _common_metric("init_from", "source", rows, rows[1]) == "val/auroc"
    rows[1]["task.monitor"] = "accuracy"
    with pytest.raises(ConfigError, match="scores are val accuracy and val auroc"):
        _common_metric("init_from", "source", rows, rows[1])


def test_runs_validated_by_folds_and_by_a_split_of_their_own_have_no_best_among_them():
    row = {"val/log_loss": 0.3, "score": -0.3, "dataset": "wine", "folder": "runs/source/a"}
    inside, outside = ({**row, "dataset.validation": kind} for kind in ("inside", "outside"))
    assert _common_metric("init_from", "source", [inside, inside], inside) == "val/log_loss"
    assert _common_metric("init_from", "source", [outside, row], row) == "val/log_loss"
    for other in (outside, row):
        with pytest.raises(ConfigError) as refused:
            _common_metric("init_from", "source", [inside, other], inside)
        [line] = str(refused.value).splitlines()
        assert "(dataset.validation=inside and outside); they do not compare; name a run" in line
