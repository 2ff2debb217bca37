"""Study and multirun in Python: the runs, tables, reports and ensembles of the commands."""

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

import lepton as package
from lepton import Study, load, multirun
from lepton.errors import FailedRuns, LeptonError
from lepton.sweep.multirun import multirun as sweep

WORDS = (
    *("dataset=wine", "model=mlp_small,linear", "seed=0,1,2", "trainer.max_epochs=2"),
    "trainer.accelerator=cpu",
)
ENSEMBLE = ("method=mean", "keep=true")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a study of six runs."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        sweep([*WORDS, "study=first"])
    return folder / "runs"


@pytest.fixture
def study(trained, here):
    """The study in a working directory of the test's own."""
    shutil.copytree(trained, here / "runs")
    return Study("first")


def texts_of(page):
    """The words that a part of a page shows."""
    return re.sub(r"<[^>]+>", " ", page).replace("&#x27;", "'").split()


def runs_in(folder):
    return sorted(path.parent.name for path in folder.glob("[!.]*/result.json"))


@pytest.mark.slow
def test_a_sweep_is_that_of_the_command_bit_for_bit(lepton, here, trained, fingerprint, capsys):
    swept = multirun(*WORDS, "study=python")
    assert swept.folder == Path("runs/python")
    assert capsys.readouterr().out == ""
    runs = runs_in(swept.folder)
    assert runs == runs_in(trained / "first")
    for run in runs:
        assert fingerprint(swept.folder / run) == fingerprint(trained / "first" / run)
    _, printed, _ = lepton("results", "runs/python")
    assert texts_of(swept._repr_html_()) == ["runs/python", *printed.split()]
    assert list(swept.frame(where="model == linear"))[:4] == ["run", "status", "model", "seed"]
    again = multirun(*WORDS, "study=python")
    assert repr(again) == "<Study runs/python: 6 runs: 6 finished>"


@pytest.mark.slow
def test_a_frame_has_the_columns_that_tell_runs_apart_or_all(lepton, here, study):
    frame, every = study.frame(), study.frame(all=True)
    tests = [column for column in every if column.startswith("test/")]
    assert list(frame) == ["run", "status", "model", "seed", "val/log_loss", *tests, "folder"]
    pd.testing.assert_frame_equal(frame, every[list(frame)])
    pd.testing.assert_frame_equal(load("first"), every)
    pd.testing.assert_frame_equal(load("runs/first", compact=True), frame)
    lepton("results", "first", "--parquet", "runs.parquet")
    written = pd.read_parquet("runs.parquet")
    assert list(written) == list(every)
    assert written["run"].tolist() == every["run"].tolist()
    assert written["test/accuracy"].tolist() == every["test/accuracy"].tolist()


@pytest.mark.slow
def test_a_frame_with_failures_says_why_they_failed(here, fragile):
    (fragile / "1").touch()
    with pytest.raises(FailedRuns, match="no luck with 1"):
        multirun("dataset=breast_cancer", "model=fragile", "seed=0,1", "trainer.max_epochs=1")
    frame = Study("default").frame()
    assert list(frame)[:5] == ["run", "status", "error", "model.draw", "seed"]
    assert sorted(frame["status"]) == ["failed", "finished"]
    assert frame["error"].dropna().item() == "RuntimeError: no luck with 1"


@pytest.mark.slow
def test_a_condition_keeps_the_runs_that_the_command_keeps(lepton, study):
    where = "seed == 0 or model == linear"
    kept = study.frame(where=where)
    assert sorted(zip(kept["model"], kept["seed"], strict=True)) == [
        *(("linear", seed) for seed in range(3)),
        ("mlp_small", 0),
    ]
    lepton("results", "first", "--where", where, "--csv", "runs.csv")
    assert pd.read_csv("runs.csv")["run"].tolist() == kept["run"].tolist()
    assert study.compare("model", where="seed > 0")["n"].tolist() == [2, 2]


@pytest.mark.slow
def test_a_comparison_has_the_numbers_and_sentences_of_the_command(lepton, study):
    table = study.compare(by="model", metric="accuracy", baseline="linear")
    _, printed, _ = lepton(
        *("results", "first", "--compare", "model", "--metric", "accuracy"),
        *("--baseline", "linear", "--format", "markdown"),
    )
    header, _, *lines = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in printed.splitlines()
        if line.startswith("|")
    ]
    cells = pd.DataFrame(lines, columns=header)
    assert cells["model"].tolist() == table["model"].tolist()
    assert cells["test accuracy"].tolist() == [f"{mean:.4f}" for mean in table["mean"]]
    rival = table["model"].tolist().index("mlp_small")
    assert cells["minus baseline"][rival] == f"{table['difference'][rival]:+.4f}"
    low, high = table.loc[rival, ["low", "high"]]
    assert cells["95 % interval"][rival] == rf"\[{low:.4f}, {high:.4f}\]"
    assert set(table["metric"]) == {"test/accuracy"}
    _, printed, _ = lepton(
        *("results", "first", "--compare", "model", "--metric", "accuracy"),
        *("--baseline", "linear"),
    )
    assert table.attrs["conclusions"]
    for sentence in table.attrs["conclusions"]:
        assert " ".join(sentence.split()) in " ".join(printed.split())


@pytest.mark.slow
def test_two_data_sets_stand_below_each_other(here):
    words = ("model=linear,mlp_small", "seed=0,1", "trainer.max_epochs=1")
    both = multirun("dataset=wine,breast_cancer", *words)
    assert list(both.frame())[:4] == ["run", "status", "dataset", "model"]
    table = both.compare("model")
    assert table["dataset"].tolist() == ["breast_cancer"] * 2 + ["wine"] * 2
    assert table.groupby("dataset")["metric"].nunique().tolist() == [1, 1]


@pytest.mark.slow
def test_the_report_is_the_command_s(lepton, study):
    pytest.importorskip("matplotlib")
    folder = study.report(by="model", where="seed < 2")
    assert folder == Path("reports/first")
    files = {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    lepton("report", "runs/first", "--compare", "model", "--where", "seed < 2")
    assert {p.relative_to(folder) for p in folder.rglob("*") if p.is_file()} == set(files)
    for path in (Path("report.html"), Path("comparison.csv")):
        assert (folder / path).read_bytes() == files[path]


@pytest.mark.slow
def test_the_ensemble_is_the_command_s(lepton, here, study, fingerprint):
    result = study.ensemble(*ENSEMBLE, where="model == linear")
    mine = fingerprint(result.folder)
    assert result.folder.parent == Path("runs/first")
    shutil.rmtree(result.folder)
    lepton("ensemble", "runs=first", *ENSEMBLE, "where=model == linear")
    assert fingerprint(result.folder) == mine
    assert result.metrics == study.ensemble(*ENSEMBLE, where="model == linear").metrics
    with pytest.raises(LeptonError, match="was not fitted in epochs"):
        result.plot()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: Study("frist"), "frist: no such study; studies in ./runs: first"),
        (lambda s: Study(5), "Study: 5 is no folder and no name; lepton.Study('first')"),
        (lambda s: s.compare("modle"), "by modle: no such setting; did you mean 'model'?"),
        (lambda s: s.compare(5), "by: 5 is no name; by='model', or a list of names"),
        (
            lambda s: s.compare("model", baseline="mlp_smal"),
            "baseline mlp_smal: no such option of model; did you mean 'mlp_small'? (",
        ),
        (
            lambda s: s.compare("model", select="test/auroc"),
            "select test/auroc: what is chosen by the test split is not tested by it any more; "
            "use val/auroc",
        ),
        (
            lambda s: s.compare("model", metric="aurok"),
            "test/aurok: no finished run has it; did you mean 'test/auroc'?",
        ),
        (
            lambda s: s.compare("optimizer"),
            "by optimizer: all 6 finished runs have optimizer=adamw; they differ in model",
        ),
        (
            lambda s: s.report(folder="runs"),
            "folder runs: is there and holds no report.html; choose another folder",
        ),
        (lambda s: s.compare(select=3), "select: 3 is no name; select='val/auroc'"),
        (lambda s: s.report(metric=["f1"]), "metric: ['f1'] is no name; metric='accuracy'"),
        (lambda s: s.report("model", curve=3), "curve: 3 is no name; curve='dataset.shots'"),
        (
            lambda s: s.report(curve="seed"),
            "curve seed: needs by, the keys whose options are shown",
        ),
        (lambda s: s.report(where=3), "where: int is no condition; write it as 'split_seed == 0"),
        (
            lambda s: s.report(folder=3),
            "folder: 3 is no folder and no name; folder='reports/first'",
        ),
        (lambda s: s.ensemble("method"), "'method' cannot be read; write key=value"),
        (
            lambda s: s.ensemble("runs=other"),
            "ensemble: its runs are the study's; where= chooses among them",
        ),
        (
            lambda s: package.load_model(3),
            "load_model: 3 is no folder and no name; lepton.load_mode",
        ),
        (lambda s: package.compose(3), "compose: 3 is no word; each is a string, as in compose('s"),
        (
            lambda s: package.allow(["x"]),
            "allow: ['x'] is no word; each is a string, as in allow(*",
        ),
        (lambda s: multirun("model", "seed=0,1"), "'model' cannot be read; write model=OPTION"),
        (
            lambda s: multirun(["seed=0,1"]),
            "multirun: ['seed=0,1'] is no word; each is a string, as in multirun(*words)",
        ),
    ],
)
def test_a_wrong_call_is_a_line_with_what_would_be_right(study, call, message):
    with pytest.raises(LeptonError) as error:
        call(study)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_a_study_without_a_finished_run_has_nothing_to_compare(here):
    (here / "runs" / "empty").mkdir(parents=True)
    with pytest.raises(LeptonError, match="runs/empty: holds no run yet"):
        Study("empty").compare()
    assert Study("empty").frame().empty


@pytest.mark.slow
def test_an_ensemble_that_is_not_kept_says_so(study):
    with pytest.raises(LeptonError, match=r"nothing was kept, .* ensemble\('keep=true'\) keeps it"):
        study.ensemble("method=mean")


def test_the_package_keeps_its_packages_beside_the_calls():
    assert package.multirun is multirun
    assert {"sweep", "report", "ensemble"} <= {
        p.name for p in Path(package.__file__).parent.iterdir()
    }
