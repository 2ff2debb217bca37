"""Evaluations of runs: one run id with and without, added later, kept when the process ends."""

import json
import re

import pandas as pd
import pytest
import torch

from lepton import build, load, train
from lepton.commands.verify import verify
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.errors import EvaluationFailed, LeptonError
from lepton.evaluation.adding import add_evaluations
from lepton.storage.evaluations import frame_file, read_evaluation_frame
from lepton.storage.results import finished_result
from lepton.training.learner import load_learner
from tests.tampering import forget_digests

WINE = ("dataset=wine", "model=mlp_small", "trainer.max_epochs=2")


def files_of(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def own_metrics(result):
    return {name: value for name, value in result.metrics.items() if "@" not in name}


@pytest.mark.slow
def test_a_finished_run_is_evaluated_without_training_and_keeps_its_id_and_files(mine, run_once):
    folder = run_once(*WINE)
    files, before = files_of(folder), finished_result(folder)
    result = train(compose(*WINE, "evaluation=[noise,slices]"))
    assert result.run == folder.name
    changed = {path.name for path, time in files_of(folder).items() if files.get(path) != time}
    assert changed == {"result.json", "slices.parquet", "SHA256SUMS"}
    assert own_metrics(result) == before.metrics
    assert {name for name in result.metrics if name.startswith("test@noise/")} == {
        f"test@noise/{name.removeprefix('test/')}"
        for name in before.metrics
        if name.startswith("test/")
    }
    files = files_of(folder)
    assert train(compose(*WINE, "evaluation=slices")) == result
    assert files_of(folder) == files


@pytest.mark.slow
def test_a_run_that_is_trained_with_an_evaluation_is_as_one_that_gets_it_later(mine, fingerprint):
    first = train(compose(*WINE, "evaluation=noise", "runs=one"))
    train(compose(*WINE, "runs=two"))
    second = train(compose(*WINE, "evaluation=noise", "runs=two"))
    assert first.run == second.run
    assert first.metrics == second.metrics
    folders = [mine / runs / "default" / first.run for runs in ("one", "two")]
    assert fingerprint(folders[0]) == fingerprint(folders[1])


@pytest.mark.slow
def test_changed_rows_are_scored_as_the_clean_ones_are(mine, run_once):
    folder = run_once(*WINE)
    zero = train(compose(*WINE, "evaluation=noise", "evaluation.noise.scale=0"))
    for name, value in own_metrics(zero).items():
        if name.startswith("test/"):
            assert zero.metrics[f"test@noise/{name[5:]}"] == pytest.approx(value)
    result = train(compose(*WINE, "evaluation=noise"))  # other values: made again
    learner, _ = load_learner(folder)
    rows = build.data(check(compose(*WINE))).splits["test"]
    accuracies = []
    for seed in range(20):
        noise = torch.randn(rows["num"].shape, generator=torch.Generator().manual_seed(seed))
        predicted = learner.predict({**rows, "num": rows["num"] + noise}).argmax(1)
        accuracies.append((predicted == rows["target"]).double().mean().item())
    assert min(accuracies) <= result.metrics["test@noise/accuracy"] <= max(accuracies)
    assert result.metrics["test@noise/accuracy"] != zero.metrics["test@noise/accuracy"]


@pytest.mark.slow
def test_a_kill_among_evaluators_loses_none_that_is_finished(mine):
    overrides = (*WINE, "evaluation=[certainty,noise]")
    (mine / "trap").touch()
    with pytest.raises(KeyboardInterrupt):
        train(compose(*overrides))
    [folder] = (mine / "runs" / "default").iterdir()
    killed = finished_result(folder)
    assert [*killed.evaluations] == ["certainty"]
    files = files_of(folder)
    (mine / "trap").unlink()
    result = train(compose(*overrides))
    assert [*result.evaluations] == ["certainty", "noise"]
    changed = {path.name for path, time in files_of(folder).items() if files.get(path) != time}
    assert changed == {"result.json", "SHA256SUMS"}


@pytest.mark.slow
def test_a_table_that_is_not_what_was_written_counts_as_not_there_and_is_made_again(mine, run_once):
    folder = run_once(*WINE)
    overrides = (*WINE, "evaluation=certainty")
    train(compose(*overrides))
    table = read_evaluation_frame(folder, "certainty", "rows")
    predictions = pd.read_parquet(folder / "predictions" / "test.parquet").sort_values("id")
    expected = predictions.filter(like="p_").max(axis=1).to_numpy()
    assert table["certainty"].to_numpy() == pytest.approx(expected)
    frame_file(folder, "certainty", "rows").write_bytes(b"something else")
    assert read_evaluation_frame(folder, "certainty", "rows") is None
    train(compose(*overrides))
    assert read_evaluation_frame(folder, "certainty", "rows").equals(table)


@pytest.mark.slow
def test_an_evaluator_that_fails_is_named_and_the_run_is_finished(mine):
    overrides = (*WINE, "evaluation=certainty", "evaluation.certainty.fails=true")
    with pytest.raises(EvaluationFailed, match=r"evaluation=certainty failed: ZeroDivisionError"):
        train(compose(*overrides))
    [folder] = (mine / "runs" / "default").iterdir()
    assert not finished_result(folder).evaluations


@pytest.mark.slow
@pytest.mark.parametrize("name", ["test@slices/worst/accuracy", "test/accuracy"])
def test_nothing_is_chosen_by_what_is_measured_on_the_test_split(name, lepton, run_once):
    run_once(*WINE)
    why = r"what is chosen (on|by) the test split"
    for words in (
        ("train", *WINE, f"task.monitor={name}"),
        ("results", "default", "--select", name),
        ("report", "default", "--select", name),
        ("ensemble", "runs=default", f"metric={name}"),
    ):
        code, _, error = lepton(*words)
        assert (code, error.count("\n")) == (2, 1), error
        assert re.search(why, error), error
    search = ("hydra/sweeper=search", f"hydra.sweeper.objectives=[{name}]", "seed=1,2")
    code, _, error = lepton("train", "-m", *WINE, *search)
    assert code == 2
    assert "a search never looks at the test split; use val/accuracy" in error


@pytest.mark.slow
def test_a_row_says_by_what_its_run_was_evaluated_then_or_later(mine, run_once):
    run_once(*WINE)
    result = train(compose(*WINE, "evaluation=[noise,certainty]"))
    [row] = load("default").to_dict("records")
    assert row["evaluation"] == "certainty+noise"
    assert row["evaluation.noise.scale"] == 1.0
    assert row["test@certainty/mean"] == result.metrics["test@certainty/mean"]


@pytest.mark.slow
def test_a_run_is_verified_with_what_it_was_evaluated_by(mine, run_once):
    folder = run_once(*WINE)
    train(compose(*WINE, "evaluation=[certainty,noise]"))
    lines, is_same = verify(folder)
    assert is_same, lines
    content = json.loads((forget_digests(folder) / "result.json").read_text())
    content["metrics"]["test@noise/accuracy"] += 0.1
    (folder / "result.json").write_text(json.dumps(content))
    lines, is_same = verify(folder)
    assert not is_same
    assert "the most in test@noise/accuracy" in lines[1]


def test_a_run_that_was_trained_again_meanwhile_is_not_mixed_up(mine, run_once, monkeypatch):
    folder = run_once(*WINE)
    import lepton.evaluation.adding as adding

    real = adding.load_evaluated_run

    def load_and_replace(folder):
        model = real(folder)
        content = json.loads((forget_digests(folder) / "result.json").read_text())
        (folder / "result.json").write_text(json.dumps(content | {"seconds": 99.0}))
        return model

    monkeypatch.setattr(adding, "load_evaluated_run", load_and_replace)
    nodes = check(compose(*WINE, "evaluation=certainty"))["evaluation"]
    with pytest.raises(LeptonError, match="was trained again meanwhile"):
        add_evaluations(folder, nodes)
