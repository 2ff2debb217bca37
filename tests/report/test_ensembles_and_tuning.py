"""The report on a study of tuned networks with an ensemble of them."""

import os
import sys
from pathlib import Path

import pandas as pd
import pytest

import lepton.commands.report  # noqa: F401, which keeps the function that a test replaces
import lepton.report.write as report_writing
from lepton import Study, train
from lepton.config.compose import compose
from lepton.storage.study_table import load

SHORT = ("model=mlp_small", "trainer.max_epochs=1", "trainer.progress=false")


@pytest.fixture(scope="module")
def tuned_study(tmp_path_factory):
    """runs/few: two strategies at three sizes over two seeds, and an ensemble of all."""
    from lepton.cli import main

    folder_before = os.getcwd()
    os.chdir(tmp_path_factory.mktemp("tuned"))
    try:
        train(compose("dataset=breast_cancer", *SHORT, "study=source"))
        [source_result] = Path("runs/source").glob("*/result.json")
        init_from = f"init_from={source_result.parent}"
        # an ensemble takes runs of the same validation rows
        shared = (*SHORT, init_from, "forgetting=true", "dataset.validation=outside", "study=few")
        for strategy in ("full", "head"):
            for shots in (4, 8, 16):
                for seed in (0, 1):
                    varied = (f"finetune={strategy}", f"dataset.shots={shots}", f"seed={seed}")
                    train(compose(*shared, *varied))
        with pytest.MonkeyPatch.context() as patch:
            command = ["lepton", "ensemble", "runs=few", "method=mean", "keep=true"]
            patch.setattr(sys, "argv", command)
            assert main() == 0
        yield Path.cwd() / "runs" / "few"
    finally:
        os.chdir(folder_before)


@pytest.fixture
def write_report(tuned_study, lepton, monkeypatch):
    """Runs `lepton report` with these arguments and returns the report's folder."""

    def blank_figures(report, *_):
        return dict.fromkeys((figure.name for figure in report.figures()), "<svg></svg>")

    def write_report(*arguments, with_figures=False):
        monkeypatch.chdir(tuned_study.parent.parent)
        if not with_figures:
            monkeypatch.setattr(report_writing, "write_figures", blank_figures)
        assert lepton("report", "few", *arguments)[0] == 0
        return Path("reports/few")

    return write_report


@pytest.mark.slow
def test_before_and_after_are_the_means_of_the_runs(tuned_study, write_report):
    folder = write_report("--compare", "finetune,dataset.shots", "--metric", "auroc")
    frame = load(tuned_study)
    frame = frame[frame["ensemble"].isna()]
    table = pd.read_csv(folder / "before_after.csv")
    assert len(table) == 6
    forgotten = pd.read_csv(folder / "forgetting.csv")
    for shown_table, columns in (
        (table, ("before/test/auroc", "test/auroc")),
        (forgotten, ("source/before/test/auroc", "source/after/test/auroc")),
    ):
        means = frame.groupby(["finetune", "dataset.shots"])[list(columns)].mean()
        for row in shown_table.to_dict("records"):
            expected = means.loc[(row["finetune"], row["dataset.shots"])]
            assert [row["before"], row["after"]] == pytest.approx([*expected], abs=1e-4)


@pytest.mark.slow
def test_a_number_that_is_compared_has_a_line_for_each_other_option(write_report):
    arguments = ("--compare", "finetune,dataset.shots", "--figure", "score_over_dataset.shots")
    folder = write_report(*arguments, with_figures=True)
    svg = (folder / "plots" / "score_over_dataset.shots.svg").read_text()
    for label in ("head", "full", "untuned"):
        assert f">{label}<" in svg


@pytest.mark.slow
def test_a_curve_stands_in_the_page_in_markdown_and_in_a_file(tuned_study, write_report):
    folder = write_report("--compare", "finetune,dataset.shots", "--curve", "dataset.shots")
    table = pd.read_csv(folder / "curve.csv").set_index(["dataset.shots", "finetune"])
    frame = load(tuned_study)
    frame = frame[frame["ensemble"].isna()]
    means = frame.groupby(["dataset.shots", "finetune"])[["test/auroc", "before/test/auroc"]].mean()
    for option, (after, before) in means.iterrows():
        shown = table.loc[option, ["test auroc", "untuned"]].astype(float)
        assert [*shown] == pytest.approx([after, before], abs=1e-4)
    assert set(table["training rows"]) == {8, 16, 32}
    for text in ((folder / name).read_text() for name in ("report.html", "report.md")):
        assert "test auroc over dataset.shots" in text
        assert "curve_dataset.shots" in text
        assert "score_over_dataset.shots" not in text
    written = (folder / "curve.csv").read_bytes()
    again = Study("few").report(["finetune", "dataset.shots"], curve="dataset.shots")
    assert (again / "curve.csv").read_bytes() == written
    assert "--curve dataset.shots" in (again / "report.md").read_text()


@pytest.mark.slow
def test_an_ensemble_stands_beside_its_members_and_is_no_option(tuned_study, write_report):
    folder = write_report("--compare", "finetune")
    page = (folder / "report.md").read_text()
    assert "13 runs: 13 finished (1 of them made by lepton ensemble)" in page
    compared = pd.read_csv(folder / "comparison.csv")
    assert sorted(compared["finetune"]) == ["full", "head"]
    [ensemble] = tuned_study.glob("*ensemble_mean*")
    stored_weights = pd.read_parquet(ensemble / "members.parquet").set_index("run")["weight"]
    shown_weights = pd.read_csv(folder / "members_mean.csv").set_index("member")["weight"]
    assert shown_weights.to_dict() == pytest.approx(stored_weights.to_dict(), abs=1e-4)
    assert "lepton ensemble runs=few method=mean keep=true" in page
    assert ensemble.name in (folder / "runs.csv").read_text()
