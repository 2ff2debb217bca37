"""A study of tuned networks with an ensemble of them: what the report says of both."""

import os
import sys
from pathlib import Path

import pandas as pd
import pytest

import lepton.report.write as lepton_write
from lepton import train
from lepton.storage import results
from tests.quick import compose

SHORT = ("model=mlp_small", "trainer.max_epochs=2", "trainer.progress=false")
MADE = "ensemble_mean"


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """runs/few: two strategies at three sizes over two seeds, and an ensemble of all."""
    from lepton.cli import main

    before = os.getcwd()
    os.chdir(tmp_path_factory.mktemp("tuned"))
    try:
        train(compose("dataset=breast_cancer", *SHORT, "study=source"))
        [source] = Path("runs/source").glob("*/result.json")
        start = (*SHORT, f"init_from={source.parent}", "forgetting=true", "study=few")
        for strategy in ("full", "head"):
            for shots in (4, 8, 16):
                for seed in (0, 1):
                    words = (f"finetune={strategy}", f"dataset.shots={shots}", f"seed={seed}")
                    train(compose(*start, *words))
        with pytest.MonkeyPatch.context() as patch:
            words = ["lepton", "ensemble", "runs=few", "method=mean", "keep=true"]
            patch.setattr(sys, "argv", words)
            assert main() == 0
        yield Path.cwd() / "runs" / "few"
    finally:
        os.chdir(before)


@pytest.fixture
def reported(tuned, lepton, monkeypatch):
    """Writes the report with these words, its figures only where asked; gives its folder."""

    def reported(*words, drawn=False):
        monkeypatch.chdir(tuned.parent.parent)
        if not drawn:
            monkeypatch.setattr(
                lepton_write,
                "plots",
                lambda report, *_: dict.fromkeys(
                    (figure.name for figure in report.figures()), "<svg></svg>"
                ),
            )
        assert lepton("report", "few", *words)[0] == 0
        return Path("reports/few")

    return reported


def test_before_and_after_are_the_means_of_the_runs(tuned, reported):
    folder = reported("--compare", "finetune,dataset.shots", "--metric", "auroc")
    frame = results.load(tuned)
    frame = frame[frame["ensemble"].isna()]
    table = pd.read_csv(folder / "before_after.csv")
    assert len(table) == 6
    forgotten = pd.read_csv(folder / "forgetting.csv")
    for shown, columns in (
        (table, ("before/test/auroc", "test/auroc")),
        (forgotten, ("source/before/test/auroc", "source/after/test/auroc")),
    ):
        means = frame.groupby(["finetune", "dataset.shots"])[list(columns)].mean()
        for row in shown.to_dict("records"):
            known = means.loc[(row["finetune"], row["dataset.shots"])]
            assert [row["before"], row["after"]] == pytest.approx([*known], abs=1e-4)


def test_a_number_that_is_compared_has_a_line_for_each_other_option(reported):
    words = ("--compare", "finetune,dataset.shots", "--figure", "score_over_dataset.shots")
    folder = reported(*words, drawn=True)
    drawn = (folder / "plots" / "score_over_dataset.shots.svg").read_text()
    for word in ("head", "full", "untuned"):
        assert f">{word}<" in drawn


def test_an_ensemble_stands_beside_its_members_and_is_no_option(tuned, reported):
    folder = reported("--compare", "finetune")
    page = (folder / "report.md").read_text()
    assert "13 runs: 13 finished (1 of them an ensemble)" in page
    compared = pd.read_csv(folder / "comparison.csv")
    assert sorted(compared["finetune"]) == ["full", "head"]
    [made] = tuned.glob(f"*{MADE}*")
    kept = pd.read_parquet(made / "members.parquet").set_index("run")["weight"]
    shown = pd.read_csv(folder / "members_mean.csv").set_index("member")["weight"]
    assert shown.to_dict() == pytest.approx(kept.to_dict(), abs=1e-4)
    assert "lepton ensemble runs=few method=mean keep=true" in page
    assert made.name in (folder / "runs.csv").read_text()
