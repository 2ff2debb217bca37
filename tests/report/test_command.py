"""`lepton report` writes a page whose numbers are the study's, and refuses what it cannot."""

import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import lepton.report.write
from lepton import load
from lepton.analysis.study import gather_runs
from lepton.commands.report import main as report_command
from lepton.errors import LeptonError
from lepton.report.assemble import ReportRequest, assemble_report
from lepton.report.blocks import Figure, Note, Text
from lepton.report.figures.style import lepton_style
from lepton.report.svg import MAX_BYTES, compact_svg
from tests.quick import quick_at
from tests.tampering import forget_digests


@pytest.fixture(scope="module")
def drawn_report(trained_study):
    """The study's report with its figures, made once by `lepton report ... --compare model`."""
    folder = trained_study.parent.parent
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert report_command(["runs/small", "--compare", "model"]) == 0
    return folder / "reports" / "small"


@pytest.fixture
def report(study, here, capsys, monkeypatch):
    """Runs the command without drawing; returns the page, the output and the report's folder."""

    def blank_figures(report, folder, only=None):
        return {figure.name: "<svg></svg>" for figure in report.figures()}

    def report(*arguments, studies=(study,)):
        monkeypatch.setattr(lepton.report.write, "write_figures", blank_figures)
        assert report_command([*map(str, studies), *arguments]) == 0
        out = here / "reports" / "+".join(path.name for path in studies)
        return (out / "report.html").read_text(), capsys.readouterr().out, out

    return report


class Page(HTMLParser):
    """The links and the labels of images of a page, and the tags that it leaves open."""

    VOID_TAGS = ("meta", "link", "input", "br")
    LINK_ATTRIBUTES = ("href", "src", "xlink:href")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open_tags, self.links, self.image_labels = [], [], []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._add_links(attrs)
        if tag == "svg":
            self.image_labels.append(dict(attrs).get("aria-label"))
        if tag not in self.VOID_TAGS:
            self.open_tags.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._add_links(attrs)

    def _add_links(self, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value for name, value in attrs if name in self.LINK_ATTRIBUTES]

    def handle_endtag(self, tag: str) -> None:
        assert self.open_tags.pop() == tag


def test_a_report_is_a_page_markdown_csv_files_and_plots(drawn_report, trained_study):
    out = drawn_report
    names = {path.name for path in out.iterdir()}
    assert {"report.html", "report.md", "runs.csv", "comparison.csv", "plots"} <= names
    plots = {path.name for path in (out / "plots").iterdir()}
    assert {
        "distribution.svg",
        "learning_curves.png",
        "roc_pr_ks.svg",
        "gain_lift_threshold.svg",
        "confusion.svg",
    } <= plots
    assert {"calibration.svg", "slices.svg", "score_by_parameters.svg", "change.svg"} <= plots
    svg_names, png_names = (
        {name.split(".")[0] for name in plots if name.endswith(ending)} for ending in ("svg", "png")
    )
    assert svg_names == png_names
    assert max(p.stat().st_size for p in (out / "plots").glob("*.svg")) <= MAX_BYTES
    runs = pd.read_csv(out / "runs.csv")
    assert len(runs) == 9
    assert set(load(trained_study)["run"]) <= set(runs["run"])
    assert not [p for p in out.parent.iterdir() if p.name.startswith(".")]


def test_the_page_is_well_formed_needs_nothing_else_and_names_its_pictures(drawn_report):
    page = (drawn_report / "report.html").read_text()
    parsed = Page(page)
    assert parsed.open_tags == []
    assert {link for link in parsed.links if not link.startswith(("#", "data:"))} == set()
    assert all(parsed.image_labels)
    assert "default-src 'none'" in page
    assert page.count("<th scope=") > 20


def test_the_table_has_the_numbers_of_the_study(report, study):
    page, output, out = report("--compare", "model")
    assert output.splitlines()[-1] == "reports/small/report.html"
    frame = load(study)
    table = pd.read_csv(out / "comparison.csv", index_col="model")
    for model in ("mlp_small", "gradient_boosting"):
        values = frame.loc[frame["model"] == model, "test/auroc"]
        assert table.loc[model, "test auroc"] == pytest.approx(values.mean(), abs=1e-4)
        assert table.loc[model, "n"] == 3
        assert f"{values.mean():.4f}" in page


@pytest.mark.slow
def test_what_else_options_do_stands_beside_the_comparison(report, study):
    *_, out = report("--compare", "model", "--metric", "auroc,log_loss,seconds")
    table = pd.read_csv(out / "further.csv", index_col="model")
    runs = load(study).dropna(subset="test/log_loss")
    means = runs.groupby("model")["test/log_loss"].mean()
    (rival,) = (name for name in means.index if table["times baseline's"][name] != "baseline")
    (base,) = {*means.index} - {rival}
    gap = float(table["test log_loss minus baseline"][rival])
    assert gap == pytest.approx(means[rival] - means[base], abs=1e-4)
    seconds = runs.pivot(index="seed", columns="model", values="seconds")
    ratio = np.exp(np.log(seconds[rival] / seconds[base]).mean())
    assert float(table["times baseline's"][rival]) == pytest.approx(ratio, rel=1e-3)


@pytest.mark.slow
def test_failed_missing_and_damaged_runs_are_named_and_counted(report):
    page, _, out = report()
    assert "9 runs: 6 finished, 1 failed, 1 unreadable, 1 missing" in page
    text = (out / "report.md").read_text()
    for name in ("german_credit-linear-s0-0", "damaged", "german_credit-resnet-s0-1"):
        assert name in page
        assert name in text
    assert "ValueError: &lt;no&gt; luck" in page
    assert "<no>" not in page
    assert "3 of 9 runs have no result" in page


@pytest.mark.slow
def test_every_figure_says_the_command_that_makes_the_same_again(
    drawn_report, trained_study, monkeypatch
):
    page = (drawn_report / "report.html").read_text()
    commands = re.findall(r"<code>lepton (report \S+ --compare model --figure (\w+))</code>", page)
    assert len(commands) == len(list((drawn_report / "plots").glob("*.svg")))
    monkeypatch.chdir(trained_study.parent.parent)
    for command, name in commands:
        if name not in ("confusion", "distribution", "slices"):
            continue
        picture = drawn_report / "plots" / f"{name}.svg"
        before = picture.read_bytes()
        picture.unlink()
        assert report_command(command.split()[1:]) == 0
        assert picture.read_bytes() == before


@pytest.mark.slow
def test_the_best_is_told_with_how_many_were_looked_at_and_as_a_command(report):
    page, _, _ = report()
    assert "Best of 6 finished runs looked at" in page
    assert "<code>lepton train dataset=german_credit" in page
    assert "chose nothing" in page


@pytest.mark.slow
def test_the_worst_mistakes_are_shown_with_the_inputs_of_the_data(report, study):
    from lepton.dataset.german_credit import GERMAN_CREDIT_FILE

    _, _, out = report()
    mistakes, data = (
        pd.read_csv(out / "mistakes.csv"),
        pd.read_csv(GERMAN_CREDIT_FILE, keep_default_na=False),
    )
    assert 1 <= len(mistakes) <= 10
    for row in mistakes.itertuples():
        raw = data.loc[row.sample]
        assert (row.age_years, row.purpose, row.true) == (
            raw["age_years"],
            raw["purpose"],
            raw["credit_risk"],
        )
        predicted = "bad" if float(row.predicted.split()[-1]) > 0.5 else "good"
        assert predicted != row.true


@pytest.mark.slow
def test_two_reports_of_the_same_runs_are_the_same(report):
    assert report()[0] == report()[0]


@pytest.mark.slow
def test_several_studies_are_one_report(report, study, here):
    other = here / "runs" / "other"
    shutil.copytree(study, other)
    page, _, out = report("--compare", "model", studies=(study, other))
    assert out.name == "small+other"
    assert "18 runs: 12 finished" in page


@pytest.mark.slow
def test_one_run_alone_is_said_to_be_alone(report, study):
    only_run = next(study.glob("*mlp_small-s0*"))
    for path in study.iterdir():
        if path != only_run:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    page, _, _ = report()
    assert "One run alone: there is nothing to compare it with" in page
    assert "roc pr ks" in page


@pytest.mark.slow
def test_runs_of_different_tasks_are_compared_each_on_its_own_data(report, study, run):
    for model in ("linear", "gradient_boosting"):
        for seed in (0, 1):
            overrides = ("dataset=diabetes", f"model={model}", f"seed={seed}", "study=small")
            run(*overrides, "trainer.max_epochs=1")
    page, _, out = report("--compare", "model", "--select", "val/log_loss")
    frame = load(study)
    chosen_by = (
        ("diabetes", "score", "val rmse"),
        ("german_credit", "val/log_loss", "val log_loss"),
    )
    for name, metric, words in chosen_by:
        runs = frame[frame["dataset"] == name].sort_values(metric, ascending=metric != "score")
        assert f"Best on {name} of {len(runs)} finished runs looked at, by {words}" in page
        assert f"<p>{runs['run'].iloc[0]} on its" in page
        for figure in ("learning_curves", "parallel_coordinates", "score_by_parameters", "slices"):
            assert f"--figure {figure}_{name}<" in page
        assert f"What the best run gets wrong on {name}" in page
        assert (out / f"mistakes_{name}.csv").is_file()
    assert "--figure residuals_diabetes<" in page
    assert "test rmse against training time on diabetes" in page
    assert "test auroc against training time on german_credit" in page
    assert "Which model is better on diabetes?" in page
    assert "Which model is better on german_credit?" in page
    assert "test rmse" in page
    assert (
        "nan" not in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL).split("</style>")[1]
    )


def test_a_study_in_which_nothing_finished_is_a_note_with_its_failures(report, study):
    for path in study.glob("*-s?-*"):
        if path.suffix != ".failed":
            shutil.rmtree(path)
    page, _, _ = report()
    assert "No run has finished." in page
    assert "german_credit-linear-s0-0" in page
    assert "ValueError" in page


@pytest.mark.slow
def test_predictions_or_a_history_that_are_gone_are_a_note(report, study):
    for path in study.glob("*/predictions"):
        shutil.rmtree(path)
    for path in study.glob("*/history.parquet"):
        path.unlink()
    page, _, _ = report()
    assert "test.parquet: cannot be read" in page
    assert "learning_curves" not in page


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.assign(prediction=np.nan), "not a number for every sample"),
        (lambda frame: frame.head(0), "not a number for every sample"),
        (lambda frame: frame.rename(columns={"target": "t"}), "'target'"),
        (lambda frame: frame.assign(prediction=frame["target"]), "gets nothing wrong"),
        (
            lambda frame: frame.assign(target=1.0, prediction=0.4),
            "share of wrong predictions 1.0",
        ),
    ],
)
def test_predictions_that_say_little_are_drawn_or_told(study, here, change, message):
    for path in forget_digests(study).glob("*/predictions/test.parquet"):
        change(pd.read_parquet(path)).to_parquet(path)
    request = ReportRequest([str(study)], ["model"], None, None, "score", "")
    report = assemble_report(gather_runs([study]), request)
    section = next(s for s in report.sections if s.title.startswith("What the best run gets"))
    texts = [block.text for block in section.blocks if isinstance(block, Text | Note)]
    assert message in " ".join(texts)
    figures = [block for block in section.blocks if isinstance(block, Figure)]
    with lepton_style():
        assert all(compact_svg(figure.draw()) for figure in figures)


@pytest.mark.slow
def test_inputs_are_not_shown_where_the_data_are_not_those_of_the_run(report, study):
    for folder in study.glob("german_credit-*-s?-*"):
        if folder.suffix != ".failed":
            folder.rename(folder.with_name(folder.name[:-10] + "0123456789"))
    page, _, out = report()
    assert "no longer what they were" in page
    assert list(pd.read_csv(out / "mistakes.csv")) == ["sample", "true", "predicted"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    quick_at(
        [
            (["--compare", "modle"], "--compare modle: no such setting; did you mean 'model'?"),
            (["--compare", "dataset"], "all 6 finished runs have dataset=german_credit"),
            (["--select", "test/auroc"], "use val/auroc"),
            (["--curve", "model.width"], "--curve model.width: needs --compare, the keys"),
            (["--baseline", "x"], "--baseline x: no such option of model"),
            (["--metric", "rmse"], "test/rmse: no finished run has it"),
            (["--metric", "seconds"], "--metric seconds: stands behind a metric"),
            (["--figure", "x"], "--figure x: no such figure (figures: forest, distribution, "),
            (["--figure", ""], "--figure : no such figure (figures: forest, distribution, "),
            (
                ["--figure", "slices", "--out", "runs/small/damaged/result.json"],
                "cannot write the fig",
            ),
            (
                ["--out", "runs/small/damaged/result.json/x"],
                "x: cannot write the report (Not a dir",
            ),
            (["--out", "runs"], "--out runs: is there and holds no report.html"),
            (["--watch", "--out", "x"], "--watch writes no file; leave out --out"),
            (["--port", "1"], "--port: only --watch serves the page"),
            (["--watch", "--port", "65536"], "--port 65536: "),
            (["--fast"], "report: unrecognized arguments: --fast; usage: lepton report STUDY"),
        ],
        *(0, 1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15),
    ),
)
def test_a_mistake_is_a_line_and_writes_nothing(study, here, arguments, message):
    before = sorted(here.rglob("*"))
    with pytest.raises(LeptonError) as error:
        report_command([str(study), *arguments])
    assert message in str(error.value)
    assert len(str(error.value).splitlines()) == 1
    assert [p for p in here.rglob("*") if p.is_file() and p not in before] == []


def test_an_empty_study_is_a_line(here):
    (here / "runs" / "empty").mkdir(parents=True)
    with pytest.raises(LeptonError, match=r"empty: holds no run yet$"):
        report_command(["empty"])


@pytest.mark.slow
def test_without_matplotlib_a_line_says_what_to_install(study, here, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(LeptonError, match=r"pip install 'lepton-experiments\[report\]'$"):
        report_command([str(study)])
    assert not (here / "reports" / "small").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--metric", "aurok"], "test/aurok: no finished run has it; did you mean 'test/auroc'?"),
        (["--baseline", "x"], "--baseline x: the runs have one setting; nothing to compare"),
    ],
)
def test_a_mistake_is_told_where_there_is_one_run(here, lepton, arguments, message):
    lepton("train", "dataset=wine", "model=linear", "trainer.max_epochs=1", "study=one")
    code, out, err = lepton("report", "one", *arguments)
    assert (code, out, err) == (2, "", f"lepton: {message}\n")
    assert not Path("reports").exists()
