"""The text and files of `lepton results`, held against the table it is made from."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from lepton import load
from lepton.analysis.best_setting import best_setting
from lepton.analysis.grouping import difference_table, summary_table
from lepton.analysis.run_filter import FilteredRuns
from lepton.analysis.run_table import show_run
from lepton.analysis.score_metrics import directed, ordered_column, score_caution
from lepton.analysis.table import console, show_runs_without_result, show_study
from lepton.commands.results import main as results_command
from lepton.errors import LeptonError
from lepton.storage.results import read_result

WINE = ("dataset=wine", "trainer.max_epochs=2")


@pytest.fixture
def study(run_once):
    """Two models of wine over two seeds, one with a learning rate of its own."""
    for seed in (0, 1):
        run_once(*WINE, "model=mlp_small", f"seed={seed}", "optimizer.lr=0.01")
        run_once(*WINE, "model=gradient_boosting", "model.max_iter=3", f"seed={seed}")
    return "default"


@pytest.fixture
def results_text(capsys):
    """What `lepton results` prints for these arguments."""

    def results_text(*arguments):
        assert results_command(list(arguments)) == 0
        return capsys.readouterr().out

    return results_text


def lines(text, start):
    return [line for line in text.splitlines() if line.strip().startswith(start)]


def test_the_table_has_a_row_a_setting_with_the_numbers_of_the_study(study, results_text):
    text, frame = results_text(study), load(study)
    assert re.match(
        r"^\s*model\s+runs\s+val log_loss\s+test auroc \[95 %\]\s+test accuracy\s", text
    )
    means = summary_table(frame, ["model"], "test/auroc").set_index("model")
    for model in ("mlp_small", "gradient_boosting"):
        (line,) = lines(text, model)
        low, high = means.loc[model, ["low", "high"]]
        spread = f" [{low:.4f}, {high:.4f}]" if high > low else ""
        assert f"{means.loc[model, 'mean']:.4f}{spread}" in line
        assert ("[" in line.split("±")[0]) == (high > low)
        score = frame[frame["model"] == model]["val/log_loss"].mean()
        assert line.split()[1:3] == ["2", f"{score:.4f}"]
    (constant_line,) = lines(text, "constant")
    constant = (frame[f"constant/test/{name}"].mean() for name in ("auroc", "accuracy"))
    assert constant_line.split()[1:] == [f"{value:.4f}" for value in constant]
    assert constant_line.index(constant_line.split()[2]) > text.index("[95 %]")


@pytest.mark.slow
def test_rows_are_ordered_by_validation_score_and_compared_with_the_first(study, results_text):
    text, frame = results_text(study), load(study)
    first, second = frame.groupby("model")["score"].mean().sort_values(ascending=False).index
    order = [line.split()[0] for line in text.splitlines()[1:3]]
    assert order == [first, second]
    gap = difference_table(frame, ["model"], "test/auroc", (first,)).set_index("model")
    assert f"{gap.loc[second, 'difference']:+.4f}" in lines(text, second)[0]


@pytest.mark.slow
def test_the_metric_asked_for_is_shown(study, results_text):
    text = results_text(study, "--metric", "log_loss,val/accuracy")
    assert re.match(
        r"^\s*model\s+runs\s+val log_loss\s+test log_loss \[95 %\]\s+val accuracy\s", text
    )
    assert "; test log_loss (smaller is better)." in text
    assert "by val log_loss (smaller is better), never" in results_text(study)


@pytest.mark.slow
def test_rows_are_grouped_by_the_keys_asked_for(study, results_text):
    text = results_text(study, "--group-by", "model,seed")
    assert re.match(r"^\s*model\s+seed\s+runs\s", text)
    assert len(lines(text, "mlp_small")) == 2
    assert all(line.split()[2] == "1" for line in lines(text, "mlp_small"))
    assert re.match(r"^\s*runs\s", results_text(study, "--group-by", ""))


@pytest.mark.slow
def test_a_long_table_is_cut_and_says_how_to_see_the_rest(study, results_text):
    grouped = (study, "--group-by", "model,seed")
    whole, cut = results_text(*grouped), results_text(*grouped, "--rows", "2")
    rows, cut_rows = ([line.split() for line in text.splitlines()] for text in (whole, cut))
    assert cut_rows[:3] == rows[:3]  # with their differences from the first row
    assert cut_rows[3] == rows[5]  # the constant predictor
    assert cut_rows[4][:8] == ["These", "are", "the", "best", "2", "of", "4", "rows:"]
    commands = re.findall("`(.*?)`", cut)
    assert commands == [
        f"lepton results {study} --rows all",
        f"lepton results {study} --csv runs.csv",
    ]
    assert results_text(*commands[0].split()[2:]) == results_text(study)
    results_text(*commands[1].split()[2:])
    assert len(pd.read_csv("runs.csv")) == 4


def test_many_runs_without_a_result_are_counted_and_some_are_named(capsys):
    lost = [{"status": "failed", "run": f"r{i}", "error": "no"} for i in range(5)]
    show_runs_without_result(FilteredRuns(pd.DataFrame(lost)), console(), rows=2)
    assert capsys.readouterr().out.splitlines()[:3] == [
        "failed: r0: no",
        "failed: r1: no",
        "and 3 more without a result, which --csv FILE lists",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--metric", "aurok"), "test/aurok: no finished run has it; did you mean 'test/auroc'?"),
        (
            ("--metric", "test/acuracy"),
            "test/acuracy: no finished run has it; did you mean 'test/accuracy'?",
        ),
        (("--group-by", "modle"), "modle: no such column; did you mean 'model'?"),
        (("--metric", ""), "--metric: name a metric"),
        (("--rows", "0"), "results: argument --rows: '0' is no number of rows"),
        (("--rows", "5", "--compare", "model"), "--rows: a comparison shows all"),
        (("--frobnicate",), "results: unrecognized arguments: --frobnicate"),
        (("--csv",), "results: argument --csv: expected one argument"),
        (("--csv", "nowhere/out.csv"), "results: cannot write the table ("),
    ],
)
def test_a_mistake_in_the_words_is_one_line_that_says_what_would_be_right(
    study, arguments, message
):
    with pytest.raises(LeptonError) as error:
        results_command([study, *arguments])
    assert str(error.value).startswith(message)
    assert len(str(error.value).splitlines()) == 1


def test_a_mistake_writes_no_file(study, here):
    with pytest.raises(LeptonError):
        results_command(
            [study, "--metric", "aurok", "--csv", "out.csv", "--parquet", "out.parquet"]
        )
    assert not (here / "out.csv").exists()
    assert not (here / "out.parquet").exists()


def test_no_study_is_said_with_the_usage():
    with pytest.raises(LeptonError, match=r"^results: give STUDY; usage: lepton results STUDY"):
        results_command([])


@pytest.mark.slow
def test_the_csv_file_is_the_study(study, results_text):
    results_text(study, "--csv", "out.csv")
    frame = load(study)
    written = pd.read_csv("out.csv")
    assert list(written) == list(frame)
    assert written["run"].tolist() == frame["run"].tolist()
    assert written["test/auroc"].tolist() == pytest.approx(frame["test/auroc"].tolist(), rel=1e-15)


@pytest.mark.slow
def test_the_parquet_file_is_the_study_even_with_columns_of_several_kinds(
    study, run_once, results_text
):
    run_once(*WINE, "model=mlp_small", "trainer.devices=[0]", "trainer=cpu", "trainer.devices=1")
    run_once(*WINE, "model=linear", "task.class_weights=balanced")
    run_once(*WINE, "model=linear", "task.class_weights=[1,2,3]", "trainer.precision=32")
    frame = load(study)
    kinds = frame["trainer.precision"].dropna().map(type).nunique()
    assert kinds == 2
    results_text(study, "--parquet", "out.parquet")
    written = pd.read_parquet("out.parquet")
    assert list(written) == list(frame)
    assert written["test/auroc"].tolist() == frame["test/auroc"].tolist()
    assert set(written["trainer.precision"].dropna()) == {"32-true", "32"}


@pytest.mark.slow
def test_options_of_a_group_that_a_model_does_not_use_are_no_column(study, results_text):
    header = results_text(study).splitlines()[0]
    for name in ("optimizer", "trainer", "scheduler", "regularization"):
        assert name not in header


@pytest.mark.slow
def test_null_beside_a_value_is_a_row_of_its_own(run_once, results_text):
    run_once(*WINE, "model=linear")
    run_once(*WINE, "model=linear", "task.class_weights=balanced")
    text = results_text("default")
    assert "task.class_weights" in text.splitlines()[0]
    assert len(lines(text, "balanced")) == 1


@pytest.mark.slow
def test_several_regularizers_at_once_are_a_row_with_their_names(run_once, results_text):
    run_once(*WINE, "model=linear")
    run_once(*WINE, "model=linear", "regularization=[ema,l1]")
    text = results_text("default")
    assert len(lines(text, "none")) == 1
    assert len(lines(text, "ema+l1")) == 1


@pytest.mark.slow
def test_the_best_setting_may_lack_a_key_that_the_others_differ_in(run_once, results_text):
    for lr in ("1e-5", "1e-6"):
        run_once(*WINE, "model=linear", f"optimizer.lr={lr}")
    run_once(*WINE, "model=gradient_boosting")
    text = results_text("default")
    assert text.splitlines()[1].split()[0] == "gradient_boosting"
    assert "optimizer.lr" in text.splitlines()[0]
    assert len(lines(text, "linear")) == 2


@pytest.mark.slow
def test_long_names_are_not_cut(study, results_text):
    header, *rows = results_text(study, "--group-by", "model,optimizer.weight_decay").splitlines()
    assert header.split()[:2] == ["model", "optimizer.weight_decay"]
    assert rows[0].split()[0] in ("gradient_boosting", "mlp_small")


@pytest.mark.slow
def test_runs_of_several_tasks_stand_in_one_table_without_nan(study, run_once, results_text):
    run_once("dataset=diabetes", "model=linear", "trainer.max_epochs=1")
    text = results_text(study)
    assert "nan" not in text
    assert len(lines(text, "linear")) + len(lines(text, "diabetes")) >= 1


@pytest.mark.slow
def test_failed_runs_are_listed_below_the_finished_ones(study, run, fragile, results_text):
    (fragile / "4").touch()
    with pytest.raises(Exception, match="no luck"):
        run(*WINE, "model=fragile", "seed=4")
    text = results_text(study)
    (line,) = lines(text, "failed:")
    assert "wine-fragile-s4" in line
    assert "no luck with 4" in line
    assert len(lines(text, "mlp_small")) == 1


@pytest.mark.slow
def test_a_study_of_failures_alone_is_shown(run, fragile, results_text):
    (fragile / "4").touch()
    with pytest.raises(Exception, match="no luck"):
        run(*WINE, "model=fragile", "seed=4")
    assert results_text("default").startswith("failed: wine-fragile-s4")


def test_a_study_without_runs_is_a_line(here):
    (here / "runs" / "empty").mkdir(parents=True)
    with pytest.raises(LeptonError, match=r"empty: holds no run yet$"):
        show_study("empty")


def test_a_single_run_says_not_to_trust_its_difference(run_once, results_text):
    run_once(*WINE, "model=linear")
    assert "seed='range(5)'" in results_text("default")


def test_a_run_is_shown_beside_the_constant_predictor(run_once, capsys):
    folder = run_once(*WINE, "model=linear")
    show_run(read_result(folder))
    text = capsys.readouterr().out
    stored = json.loads((folder / "result.json").read_text())
    (line,) = lines(text, "accuracy")
    key, names = "test/accuracy", ("metrics", "constant")
    values = [stored["metrics"]["val/accuracy"], *(stored[name][key] for name in names)]
    assert line.split()[1:] == [f"{value:.4f}" for value in values]
    assert str(folder) in text
    assert "best epoch" in text


@pytest.mark.slow
def test_a_run_that_patience_ended_says_so_and_one_of_all_its_epochs_does_not(run_once, capsys):
    words = ("dataset=wine", "model=linear", "optimizer.lr=1.0", "trainer.patience=2")
    early = run_once(*words, "trainer.max_epochs=90")
    show_run(read_result(early))
    (line,) = (text for text in capsys.readouterr().out.splitlines() if "best epoch" in text)
    stored = json.loads((early / "result.json").read_text())
    best, epochs = stored["best_epoch"] + 1, stored["epochs"]
    assert epochs == best + 2 < 90
    assert f"best epoch {best} of {epochs} (not 90: trainer.patience=2 ended it);" in line
    show_run(replace(read_result(early), best_epoch=-1))  # which no epoch beat
    ended = f"no better than its start in epochs 1 to {epochs} (not 90: trainer.patience=2 ended"
    assert ended in capsys.readouterr().out
    show_run(read_result(run_once(*words, f"trainer.max_epochs={epochs}")))
    assert f"best epoch {best} of {epochs};" in capsys.readouterr().out


@pytest.mark.slow
def test_a_comparison_is_shown_with_what_may_be_concluded_and_how_much_was_looked_at(
    study, results_text
):
    text, frame = results_text(study, "--compare", "model"), load(study)
    for model in ("mlp_small", "gradient_boosting"):
        values = frame.loc[frame["model"] == model, "test/auroc"]
        assert f"{values.mean():.4f}" in lines(text, model)[0]
    assert "2 seeds" in text
    assert "one split of the data" in text
    assert text.splitlines()[-1] == "Looked at 4 runs: 4 finished."


@pytest.mark.slow
def test_a_comparison_is_written_as_markdown_and_as_latex(study, results_text):
    rows = results_text(study, "--compare", "model", "--format", "markdown").splitlines()
    assert rows[0].startswith("| model | n | val log_loss | test auroc |")
    assert {row.count("|") for row in rows} == {rows[0].count("|")}
    assert len(rows) == 4
    text = results_text(study, "--compare", "model", "--format", "latex")
    assert text.count(r"\\") == 3
    assert r"gradient\_boosting &" in text
    assert text.index(r"\toprule") < text.index(r"\midrule") < text.index(r"\bottomrule")


@pytest.mark.slow
def test_several_data_sets_are_ranked(study, run_once, results_text):
    for seed in (0, 1):
        for model in ("mlp_small", "gradient_boosting"):
            overrides = ("dataset=breast_cancer", "trainer.max_epochs=1", f"model={model}")
            run_once(*overrides, f"seed={seed}")
    text = results_text(study, "--compare", "model", "--baseline", "mlp_small")
    assert "average rank" in text
    assert "wine:" in text.splitlines()
    assert "data sets cannot tell the options apart (average ranks" in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--select", "test/auroc"), "use val/auroc"),
        (("--compare", "dataset"), "all 4 finished runs have dataset=wine"),
        (("--compare", "model", "--baseline", "x"), "--baseline x: no such option of model"),
        (("--format", "html"), "results: argument --format: invalid choice"),
    ],
)
def test_a_question_that_cannot_be_asked_is_a_line(study, arguments, message):
    with pytest.raises(LeptonError) as error:
        results_command([study, *arguments])
    assert message in str(error.value)


@pytest.mark.slow
def test_scores_of_several_metrics_are_told_and_choose_no_best_setting(run_once, results_text):
    run_once(*WINE, "model=mlp_small", "task.monitor=accuracy")
    assert "do not compare" not in results_text("default")
    run_once(*WINE, "model=mlp_small", "task.monitor=log_loss")
    text = results_text("default")
    caution = "The scores are accuracy of some runs and log_loss of others (task, task.monitor)"
    assert text.count(caution) == 1
    assert caution not in results_text("default", "--select", "auroc")
    compared = ("default", "--compare", "task.monitor")
    assert results_text(*compared).count(caution) == 1
    assert caution not in results_text(*compared, "--select", "auroc")
    finished = load("default")
    with pytest.raises(LeptonError, match="The scores are accuracy of some runs and log_loss"):
        best_setting(finished, "score")
    assert best_setting(finished, "val/accuracy").candidates == 2


def test_metrics_that_are_equal_by_chance_make_no_several():
    frame = pd.DataFrame({"score": [-0.5, -0.2, 0.1], "val/log_loss": [0.5, 0.2, -0.1]})
    assert score_caution(frame) is None
    equal = frame.assign(**{"val/auroc": [0.5, 0.9, 0.8], "val/accuracy": [0.5, 0.2, 0.7]})
    assert score_caution(equal) is None
    assert score_caution(frame.assign(score=[float("nan")] * 3)) is None
    assert score_caution(frame.drop(columns="val/log_loss")) is None


def test_the_metric_of_scores_is_named_in_its_own_direction_by_the_numbers():
    frame = pd.DataFrame(
        {
            "score": [-0.4, -0.3, np.nan],
            "val/auroc": [0.4, 0.7, np.nan],
            "val/log_loss": [0.4, 0.3, np.nan],
        }
    )
    assert ordered_column("score", frame) == "val/log_loss"
    assert directed("val/log_loss", frame, 0.4912) == "val log_loss 0.4912 (smaller is better)"
    tied = frame.assign(**{"val/accuracy": -frame["score"], "score": -frame["score"]})
    assert ordered_column("score", tied.assign(**{"task.monitor": "accuracy"})) == "val/accuracy"
    assert ordered_column("score", frame.assign(score=[-0.4, 0.7, 0.1])) == "score"
    assert ordered_column("val/auroc", frame) == "val/auroc"


@pytest.mark.slow
def test_how_a_table_is_read_is_said_where_asked(study, results_text):
    short, explained = results_text(study), results_text(study, "--explain")
    assert "lepton results default --explain says how to read it." in " ".join(short.split())
    assert "cannot tell the two apart" not in short
    assert "cannot tell the two apart" in " ".join(explained.split())
    compared = results_text(study, "--compare", "model", "--explain")
    assert "n counts repetitions" in compared
    assert "n counts repetitions" not in results_text(study, "--compare", "model")
