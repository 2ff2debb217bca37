"""Filters of runs keep the rows that pandas' own comparisons keep, and run no code."""

import pandas as pd
import pytest

from lepton import load
from lepton.analysis.run_filter import filter_runs
from lepton.commands.report import main as report_command
from lepton.commands.results import main as results_command
from lepton.errors import LeptonError

RUNS = pd.DataFrame(
    {
        "run": ["a", "b", "c", "d"],
        "model": ["linear", "mlp", "mlp", None],
        "regularization": ["none", "dropout+ema", "ema", "dropout"],
        "dataset.split_seed": [0.0, 0.0, 1.0, None],
        "optimizer.lr": [0.1, 0.01, 0.001, None],
        "model.layers": [None, 2, 3, None],
        "finetune.layers": [1, 1, 1, 1],
        "model.bias": pd.array([True, False, None, True], dtype="boolean"),
        "val/auroc": [0.7, 0.8, 0.9, None],
        "test/auroc": [0.7, 0.8, 0.9, None],
    }
)
SPLIT, MODEL, AUROC = RUNS["dataset.split_seed"], RUNS["model"], RUNS["val/auroc"]


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ("split_seed == 0 and model != linear", (SPLIT == 0) & (MODEL != "linear")),
        ("dataset.split_seed == 0 or model == mlp", (SPLIT == 0) | (MODEL == "mlp")),
        ("not model in [mlp, resnet]", ~MODEL.isin(["mlp", "resnet"])),
        ("0.005 < lr < 0.05", RUNS["optimizer.lr"].between(0.005, 0.05, inclusive="neither")),
        ("lr * 10 >= 0.1", RUNS["optimizer.lr"] * 10 >= 0.1),
        ("auroc > 0.75", AUROC > 0.75),
        ("val/auroc > 0.75 and val/auroc < 0.85", (AUROC > 0.75) & (AUROC < 0.85)),
        ("ema in regularization", RUNS["regularization"].str.contains("ema")),
        ("regularization == none", RUNS["regularization"] == "none"),
        ("model == null", MODEL.isna()),
        ("model.layers >= 2", RUNS["model.layers"] >= 2),
        ("bias and model == linear", RUNS["model.bias"].fillna(False) & (MODEL == "linear")),
        ("run == 'b'", RUNS["run"] == "b"),
    ],
)
def test_a_filter_keeps_what_pandas_comparisons_keep(where, kept):
    filtered = filter_runs(RUNS, where)
    assert filtered.runs["run"].tolist() == RUNS["run"][kept.astype(bool)].tolist()
    lost = int((~kept.astype(bool)).sum())
    assert filtered.note == f"where {where!r}: {lost} run{'s' * (lost != 1)} left out of 4"


def test_without_a_filter_all_runs_stay():
    assert filter_runs(RUNS, None).runs is RUNS


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("modle == mlp", "'modle == mlp' names no column of the runs; did you mean 'model'?"),
        ("split_sed == 0", "did you mean 'split_seed'?"),
        ("optimizer.lrr > 0", "did you mean 'optimizer.lr'?"),
        ("model == mlp and 1 == 1", "'1 == 1' names no column"),
        ("layers == 2", "layers may be finetune.layers or model.layers"),
        ("model == resnet", "leaves none of 4 runs"),
        ("test/auroc > 0.5", "test/auroc: runs picked by the test split are not tested by it"),
        (3, "where: int is no condition; write it as"),
        ("model", "compares nothing; write it as 'split_seed == 0"),
        ("model ==", "cannot be read; write it as"),
        ("model < 2", "cannot be decided"),
        ("model == open('a').read()", "cannot stand here"),
        ("[x for x in model] == 2", "cannot stand here"),
        ("model.__class__.mro == 2", "names no column"),
        ("lr ** 9999999 > 1", "cannot stand here"),
        (f"{'not ' * 250}model == mlp", "longer than 1000"),
        (f"{'-' * 900}lr == 2", "cannot be"),
    ],
)
def test_mistakes_and_code_are_one_line(where, message):
    with pytest.raises(LeptonError) as error:
        filter_runs(RUNS, where)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.fixture
def study(run_once):
    """A model over three seeds, and another once."""
    wine = ("dataset=wine", "trainer.max_epochs=2")
    for seed in (0, 1, 2):
        run_once(*wine, "model=mlp_small", f"seed={seed}")
    run_once(*wine, "model=linear")
    return "default"


@pytest.mark.slow
@pytest.mark.parametrize("spelling", ["--where", "where="])
def test_tables_files_and_reports_hold_the_runs_of_the_filter_alone(study, spelling, capsys, here):
    condition = "model == mlp_small and seed != 1"
    words = [f"where={condition}"] if "=" in spelling else ["--where", condition]
    note = f"Filter: where '{condition}': 2 runs left out of 4."
    assert results_command([study, *words, "--csv", "runs.csv"]) == 0
    out = capsys.readouterr().out
    assert note in out
    assert "Looked at 2 runs: 2 finished." in out
    frame = load(study)
    kept = frame[(frame["model"] == "mlp_small") & (frame["seed"] != 1)]
    assert sorted(pd.read_csv("runs.csv")["run"]) == sorted(kept["run"])
    assert report_command([study, *words, "--out", "page"]) == 0
    assert note in capsys.readouterr().out
    assert sorted(pd.read_csv("page/runs.csv")["run"]) == sorted(kept["run"])
    page = (here / "page" / "report.html").read_text()
    assert "2 runs left out of 4" in page


@pytest.mark.slow
def test_an_ensemble_takes_the_runs_of_the_filter_alone(study, lepton):
    words = ("runs=default", "method=mean", "keep=true")
    code, out, _ = lepton("check", "ensemble", *words, "where=model == mlp_small and seed < 2")
    assert code == 0
    assert "2 runs may become members" in out
    assert "left out  where 'model == mlp_small and seed < 2': 2 runs left out of 4" in out
    folders = [line.split()[-1] for line in out.splitlines() if "runs/default/" in line]
    _, out, _ = lepton("check", "ensemble", *words, "--where", "model == mlp_small and seed < 2")
    assert folders == [line.split()[-1] for line in out.splitlines() if "runs/default/" in line]
    code, _, err = lepton("ensemble", *words, "where=model == linear")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "here is one (where 'model == linear': 3 runs left out of 4)" in err
    code, _, err = lepton("ensemble", *words, "where=modle == linear")
    assert code == 2
    assert "did you mean 'model'?" in err
