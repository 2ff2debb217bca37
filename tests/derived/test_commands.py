"""Commands between runs that a user's project brings: nothing in lepton knows them by name."""

import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import lepton.commands.report  # noqa: F401, which keeps the function that a test replaces
import lepton.report.write as report_writing
from lepton import allow, load, load_model
from lepton.commands.verify import verify
from lepton.errors import ConfigError, LeptonError
from lepton.storage.run_folder import run_status
from tests.derived.conftest import breast_cancer_rows
from tests.tampering import forget_digests

SHORT = ("trainer.max_epochs=1", "study=first")
TABLE = ("dataset=breast_cancer", "model=linear", *SHORT)
TEXT = (
    *("dataset=text_csv", "dataset.path=reviews.csv", "dataset.text=text", "dataset.target=y"),
    *("model=bag_of_embeddings", *SHORT),
)
AVERAGE = ("average", "runs=first", "scale=0.5", "--allow", "averaging")
SHARPEN = ("sharpen", "--allow", "sharpening")


@pytest.fixture
def members(project, run_once):
    """Two linear models of one data set in runs/first."""
    return [run_once(*TABLE, f"seed={seed}") for seed in (0, 1)]


@pytest.fixture
def average(members, lepton):
    """The folder of their average, made by the command."""
    code, out, stderr = lepton(*AVERAGE)
    assert (code, stderr) == (0, "")
    (folder,) = Path("runs/first").glob("*average*")
    assert str(folder) in out
    return folder


@pytest.fixture
def killed(lepton):
    """Runs the command in a process of its own that dies on the way; gives its exit code."""

    def killed(*arguments):
        child = os.fork()
        if child == 0:
            lepton(*arguments)
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    return killed


def stored(folder, split="test"):
    frame = pd.read_parquet(folder / "predictions" / f"{split}.parquet").set_index("id")
    return frame["prediction"].sort_index()


def log_odds(p):
    return np.log(p / (1 - p))


def rows(folder):
    """The inputs of the test samples."""
    return breast_cancer_rows(stored(folder).index)


@pytest.mark.slow
def test_the_average_of_linear_models_has_the_mean_of_their_log_odds(members, average):
    for split in ("val", "test"):
        mean = np.mean([log_odds(stored(folder, split)) for folder in members], axis=0)
        np.testing.assert_allclose(log_odds(stored(average, split)), mean / 2, atol=1e-4)


@pytest.mark.slow
def test_its_config_says_by_which_command_it_was_made_of_which_runs(members, average):
    config = yaml.safe_load((average / "config.yaml").read_text())
    record = config["derived"]
    assert (record["command"], record["settings"]) == (
        "average",
        {"_target_": "averaging.Average", "scale": 0.5},
    )
    paths = [(average / reference["path"]).resolve() for reference in record["inputs"]]
    assert paths == [folder.resolve() for folder in sorted(members)]
    assert config["overrides"] == list(AVERAGE[1:3])


@pytest.mark.slow
def test_the_same_command_again_reads_it(average, lepton, caplog):
    before = {path: path.stat().st_mtime_ns for path in average.rglob("*")}
    caplog.set_level("INFO", logger="lepton")
    assert lepton(*AVERAGE)[0] == 0
    assert {path: path.stat().st_mtime_ns for path in average.rglob("*")} == before
    assert lepton(*AVERAGE, "rerun=true")[0] == 0
    assert {path: path.stat().st_mtime_ns for path in average.rglob("*")} != before
    assert lepton("average", "runs=first", "scale=0.4", "--allow", "averaging")[0] == 0
    assert len(list(average.parent.glob("*average*"))) == 2


@pytest.mark.slow
def test_its_model_predicts_what_was_stored_once_its_class_is_trusted(average, monkeypatch):
    monkeypatch.setenv("LEPTON_ALLOW", "")
    monkeypatch.delitem(sys.modules, "averaging")
    with pytest.raises(ConfigError, match=r"--allow averaging, in Python lepton.allow"):
        load_model(average)
    assert "averaging" not in sys.modules
    allow("averaging")
    predicted = load_model(average).predict_raw(rows(average))["prediction"]
    np.testing.assert_allclose(predicted, stored(average), atol=1e-6)


@pytest.mark.slow
def test_tables_name_it_without_importing_its_class(average, lepton, monkeypatch):
    monkeypatch.setenv("LEPTON_ALLOW", "")
    monkeypatch.delitem(sys.modules, "averaging")
    frame = load("first").set_index("run")
    row = frame.loc[average.name]
    assert (row["derived"], row["average"], row["model"]) == ("average", "average", "average")
    assert row["model.scale"] == 0.5
    assert frame["derived"].isna().sum() == 2
    out = lepton("results", "first")[1]
    assert "3 runs: 3 finished (1 of them made by lepton average)" in out
    assert re.search(r"^ average +1 ", out, re.MULTILINE)
    assert "averaging" not in sys.modules


@pytest.mark.slow
def test_it_is_verified_and_an_input_that_changed_is_named(members, average, lepton):
    arguments = ("verify", str(average), "--allow", "averaging")
    code, out, _ = lepton(*arguments)
    assert (code, out.split(": ")[1]) == (0, "the same again, bit for bit"), out
    shutil.copy(members[1] / "model.safetensors", forget_digests(members[0]))
    path = members[0] / "predictions" / "test.parquet"
    frame = pd.read_parquet(path)
    frame.assign(prediction=frame["prediction"] / 2).to_parquet(path)
    code, out, _ = lepton(*arguments)
    assert code == 1
    assert "predictions/test.parquet: differs by up to" in out
    assert f"input: {members[0].name} was made again and predicts otherwise" in out
    shutil.rmtree(members[0])
    with pytest.raises(LeptonError, match=f"its input {members[0].name} is gone"):
        verify(average)


@pytest.mark.slow
def test_the_report_has_a_section_on_it_beside_its_inputs(members, average, lepton, monkeypatch):
    def blank_figures(report, *_):
        return dict.fromkeys((figure.name for figure in report.figures()), "<svg></svg>")

    monkeypatch.setattr(report_writing, "write_figures", blank_figures)
    assert lepton("report", "first", "--allow", "averaging")[0] == 0
    page = Path("reports/first/report.md").read_text()
    assert "## Made by lepton average" in page
    assert ": made of 2 runs with scale=0.5." in page
    assert "lepton average runs=first scale=0.5" in page
    table = pd.read_csv("reports/first/average_scores_average.csv").set_index("metric")
    frame = load("first").set_index("run")
    assert table.loc["accuracy", "test"] == pytest.approx(
        frame.loc[average.name, "test/accuracy"], abs=1e-4
    )
    mean = frame.loc[[folder.name for folder in members], "test/accuracy"].mean()
    assert table.loc["accuracy", "test inputs"] == pytest.approx(mean, abs=1e-4)


@pytest.mark.slow
def test_an_ensemble_takes_it_as_a_member_and_an_average_as_an_input(members, average, lepton):
    runs = f"runs=[first,{average}]"
    code, out, _ = lepton("ensemble", runs, "method=mean", "keep=true", "--allow", "averaging")
    assert (code, average.name in out) == (0, True)
    (ensemble,) = Path("runs/first").glob("*ensemble*")
    predicted = load_model(ensemble).predict_raw(rows(average))["prediction"]
    expected = np.mean([stored(folder) for folder in (*members, average)], axis=0)
    np.testing.assert_allclose(predicted, expected, atol=1e-6)
    assert verify(ensemble)[1]
    out = lepton("check", "average", runs, "--allow", "averaging")[1]
    assert "3 runs go into it" in out
    assert "left out  1 made by lepton ensemble" in out
    out = lepton("check", "average", f"runs=[{average},{ensemble}]", "--allow", "averaging")[1]
    assert "1 run goes into it" in out


@pytest.mark.slow
def test_the_name_of_a_study_means_its_trained_runs_however_many_were_made_of_them(average, lepton):
    out = lepton("check", *AVERAGE)[1]
    assert "2 runs go into it" in out
    assert "left out  1 made by lepton average" in out
    assert f"finished  {average}" in out


@pytest.mark.slow
def test_texts_are_averaged_as_tables_are(project, run, lepton):
    texts = [f"a {'fine' if i % 2 else 'dull'} film, part {i % 7}" for i in range(200)]
    frame = pd.DataFrame({"text": texts, "y": [i % 2 for i in range(200)]})
    frame["text"] += [f" of {i}" for i in range(200)]
    frame.to_csv("reviews.csv", index=False)
    member = run(*TEXT)
    assert lepton("average", "runs=first", "--allow", "averaging")[0] == 0
    (average,) = Path("runs/first").glob("*average*")
    np.testing.assert_allclose(stored(average), stored(member), atol=1e-6)
    predicted = load_model(average).predict_raw(frame.iloc[stored(member).index])
    np.testing.assert_allclose(predicted["prediction"], stored(member), atol=1e-6)
    assert verify(average)[1]


@pytest.mark.slow
def test_a_run_that_predicts_through_its_input_loads_and_is_verified(members, lepton):
    code, out, stderr = lepton(*SHARPEN, f"runs={members[0]}", "curve.largest=2")
    assert (code, stderr) == (0, ""), out
    (folder,) = Path("runs/first").glob("*sharpen_power-s0*")
    power = yaml.safe_load((folder / "config.yaml").read_text())["sharpen"]["power"]
    expected = power * log_odds(stored(members[0]).astype(float))
    np.testing.assert_allclose(log_odds(stored(folder).astype(float)), expected, atol=1e-2)
    predicted = load_model(folder).predict_raw(rows(folder))["prediction"]
    np.testing.assert_allclose(predicted, stored(folder), atol=1e-6)
    assert verify(folder)[1]
    row = load("first").set_index("run").loc[folder.name]
    assert (row["derived"], row["sharpen"], row["model.largest"]) == ("sharpen", "power", 2.0)


@pytest.mark.slow
def test_a_command_that_was_killed_goes_on_when_it_is_given_again(members, killed, lepton):
    arguments = (*SHARPEN, f"runs={members[0]}")
    assert killed(*arguments, "trap=3") == 9
    (unfinished,) = Path("runs/first").glob("*sharpen*")
    assert unfinished.suffix == ".part"
    assert run_status(unfinished.with_suffix("")) == "to do"
    assert lepton(*arguments)[0] == 0
    (folder,) = Path("runs/first").glob("*sharpen*")
    assert folder == unfinished.with_suffix("")
    assert Path("tries.txt").read_text().split() == ["0", "1", "2", "3", "4"]
    assert not (folder / "checkpoint").exists()
    assert verify(folder)[1]


@pytest.mark.parametrize(
    ("arguments", "start", "phrase"),
    [
        (["average", "runs=first"], "_target_: 'averaging.Average' is not in a trusted", "--allow"),
        ([*AVERAGE, "scael=1"], "scael: lepton average has no such key", "mean 'scale'?"),
        ([*AVERAGE, "scale=x"], "scale: 'x' is not float", ""),
        ([*AVERAGE, "scale=-1"], "scale: -1 is not above 0", ""),
        ([*AVERAGE, "_target_=os.system"], "_target_: set by lepton, not by hand", ""),
        ([*AVERAGE, "study=../x"], "study: '../x' is not a plain name", ""),
        ([*AVERAGE, "runs=nothing"], "nothing: no such study", ""),
        ([*AVERAGE, "-m"], "-m: for `lepton train` alone", ""),
        ([*SHARPEN, "runs=first"], "runs: lepton sharpen takes one run of a binary", ""),
        ([*SHARPEN, "runs=first", "curve=pwoer"], "curve=pwoer: no such option", "mean 'power'?"),
        ([*SHARPEN, "runs=first", "curve.most=1"], "curve.most: curve=power has no such key", ""),
        (["avergae", "runs=first"], "avergae: no such command", "mean 'average'?"),
        (["train", "sharpen=power"], "sharpen: lepton train has no such key", "lepton sharpen"),
    ],
)
def test_a_mistake_gets_one_line_and_writes_nothing(members, lepton, arguments, start, phrase):
    before = sorted(Path().rglob("*.*"))
    code, out, stderr = lepton(*arguments)
    (line,) = stderr.splitlines()
    assert (code, out) == (2, "")
    assert line.startswith(f"lepton: {start}")
    assert phrase in line
    assert [path for path in sorted(Path().rglob("*.*")) if path.suffix != ".pyc"] == before


@pytest.mark.slow
def test_a_folder_cannot_have_code_run_that_is_no_command_or_not_trusted(average):
    Path("evil.py").write_text("raise SystemExit('ran')\n")
    path, target = forget_digests(average) / "result.json", "averaging.Average"
    for other in ("torch.nn.Linear", "lepton.model.mlp.MLP", "evil.Average"):
        path.write_text(path.read_text().replace(target, other))
        with pytest.raises(LeptonError, match=r"is no lepton.derived|is not in a trusted package"):
            load_model(average)
        target = other


def test_a_command_cannot_be_called_as_a_key_of_runs(project, lepton):
    shutil.copy("conf/average.yaml", "conf/model.yaml")
    code, _, stderr = lepton("model", "runs=first", "--allow", "averaging")
    assert code == 2
    assert stderr.endswith("conf/model.yaml: runs have a key 'model'; call the command otherwise\n")


@pytest.mark.slow
def test_a_run_whose_config_says_too_little_is_told_with_its_folder(average, lepton):
    path = forget_digests(average) / "result.json"
    path.write_text(path.read_text().replace('"inputs": [', '"outputs": ['))
    for call in (load_model, verify):
        with pytest.raises(LeptonError, match=rf"^{average}: does not say how it was made"):
            call(average)
    assert "does not say how it was made of other runs" in lepton("results", "first")[1]


def test_its_help_and_completion_come_from_its_file(project, lepton, monkeypatch):
    code, out, _ = lepton("average", "--help")
    assert code == 0
    assert "`lepton average runs=RUNS [key=value ...]`: one network with the mean" in out
    assert "scale: 1.0     # what the mean weights are multiplied by" in out
    assert "  lepton average runs=first scale=0.9" in out
    assert "lepton sharpen runs=RUNS [curve=OPTION]" in lepton("--help")[1]
    for line, words in (
        ("lepton aver", ["average"]),
        ("lepton average s", ["scale=", "study="]),
        ("lepton sharpen curve=", ["curve=power"]),
        ("lepton check sharpen curve=power curve.", ["curve.largest="]),
    ):
        monkeypatch.setenv("COMP_LINE", line)
        code, out, stderr = lepton("-sc", "query=bash")
        assert (code, out.split(), stderr) == (0, words, "")
