"""The report's gain, lift and threshold of a run, by what an evaluation has chosen for it."""

import pytest

from lepton import load, load_model
from lepton.report.blocks import Figure, Note, Table
from lepton.report.dataset_runs import DatasetRuns
from lepton.report.predictions import read_sample_predictions
from lepton.report.sections.error_analysis import error_analysis_section
from lepton.report.sections.threshold_blocks import threshold_blocks

RUN = ("dataset=german_credit", "model=linear", "trainer=cpu", "trainer.max_epochs=2")


def blocks_of(folder):
    return threshold_blocks({"best": read_sample_predictions(folder)}, folder, "")


@pytest.mark.slow
def test_the_threshold_is_the_chosen_one_and_a_damaged_one_is_said(run_once, lepton):
    folder = run_once(*RUN)
    figure, table = blocks_of(folder)
    assert isinstance(figure, Figure)
    assert "line: 0.50, where nothing was chosen" in figure.caption
    assert isinstance(table, Table)
    predictions = read_sample_predictions(folder)
    tenth = predictions.prediction.argsort()[::-1][:20]
    share = predictions.target[tenth].mean() / predictions.target.mean()
    assert table.rows[1][-1] == f"{share:.2f}"
    words = ("evaluation.decision.threshold=cost", "evaluation.decision.costs=[[0,1],[5,0]]")
    code, _, _ = lepton("evaluate", str(folder), "evaluation=decision", "resamples=0", *words)
    assert code == 0
    threshold = load_model(folder).threshold
    assert abs(threshold - 0.5) > 0.01
    figure, _ = blocks_of(folder)
    assert f"line: {threshold:.2f}, that evaluation=decision chose; cost as" in figure.caption
    (folder / "evaluation" / "decision" / "decision_rule.parquet").write_bytes(b"other")
    figure, _ = blocks_of(folder)
    assert "line: 0.50, its rule is damaged" in figure.caption
    dataset = DatasetRuns(None, load("default").assign(folder=str(folder)), "val/log_loss")
    section = error_analysis_section(dataset, dataset.runs[:0], [], "val/log_loss")
    notes = [block.text for block in section.blocks if isinstance(block, Note)]
    assert [note.count("rerun=true makes it again") for note in notes] == [1]
