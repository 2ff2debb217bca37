"""The report's table of what a chosen rule gains, and that of gaps between groups."""

from pathlib import Path

import pandas as pd
import pytest

from lepton import load
from lepton.report.blocks import Note, Table
from lepton.report.sections.decision_gains import decision_gain_blocks
from lepton.report.sections.group_gaps import gap_blocks

RUN = ("dataset=german_credit", "model=linear", "trainer=cpu", "trainer.max_epochs=2")
WORDS = ("evaluation=decision", "evaluation.decision.resamples=20")


def gains_of(folder):
    table = pd.read_parquet(Path(folder) / "evaluation" / "decision" / "gains.parquet")
    return table.set_index("metric")["difference"]


@pytest.mark.slow
def test_the_gain_of_the_best_run_stands_beside_the_mean_over_its_seeds(run_once, lepton):
    folders = [run_once(*RUN, f"seed={seed}") for seed in range(3)]
    runs = load("default").assign(folder=[str(folder) for folder in folders])
    assert decision_gain_blocks(runs, "") == []
    assert lepton("evaluate", str(folders[0]), "resamples=0", *WORDS)[0] == 0
    [table] = decision_gain_blocks(runs, "")
    assert isinstance(table, Table)
    assert table.header == ["metric", "without", "decided", "difference", "95 % interval"]
    for folder in folders[1:]:
        assert lepton("evaluate", str(folder), "resamples=0", *WORDS)[0] == 0
    [table] = decision_gain_blocks(runs, "")
    assert isinstance(table, Table)
    assert table.header[-2:] == ["mean over seeds", "its 95 % interval"]
    row = next(row for row in table.rows if row[0] == "f1")
    of_each = [gains_of(folder)["f1"] for folder in folders]
    assert float(row[3]) == pytest.approx(of_each[0], abs=1e-4)
    assert float(row[5]) == pytest.approx(sum(of_each) / 3, abs=1e-4)
    rule = folders[0] / "evaluation" / "decision" / "decision_rule.parquet"
    rule.write_bytes(b"other")
    [note] = decision_gain_blocks(runs, "")
    assert isinstance(note, Note)
    assert "rerun=true makes it again" in note.text


@pytest.mark.slow
def test_the_gaps_of_the_best_run_are_those_of_its_table(run_once, lepton):
    folder = run_once(*RUN)
    assert gap_blocks(folder, "") == []
    values = {"column": "personal_status_and_sex", "metrics": "[auroc,selection_rate]"}
    values |= {"shuffles": 20, "resamples": 20}
    words = [f"evaluation.gaps.{key}={value}" for key, value in values.items()]
    code, _, error = lepton("evaluate", str(folder), "evaluation=gaps", "resamples=0", *words)
    assert code == 0, error
    [table] = gap_blocks(folder, "")
    assert isinstance(table, Table)
    stored = pd.read_parquet(folder / "evaluation" / "gaps" / "gaps.parquet")
    assert (
        [row[0] for row in table.rows] == stored["metric"].tolist() == ["auroc", "selection_rate"]
    )
    assert [float(row[3]) for row in table.rows] == pytest.approx(stored["difference"], abs=1e-4)
    assert "Left out, too few rows" in table.caption
