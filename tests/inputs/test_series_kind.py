"""A kind of inputs that a folder adds: it does what tables do, without a line in lepton."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from lepton import load_model
from lepton.dataset.load.prediction_batches import prediction_batches
from lepton.evaluation.sample_inputs import read_sample_inputs
from lepton.testing import DatasetContract, ModelContract
from tests.inputs.conftest import EXACT, SERIES, results, trained_folder
from tests.inputs.made_series import write_series
from tests.vectorize.conftest import largest_difference


class TestSeriesFolder(DatasetContract):
    overrides = SERIES

    @pytest.fixture(autouse=True)
    def folder(self, here):
        write_series(here / "waves")


class TestSeriesNet(ModelContract):
    reads = ("series.SeriesInputs",)

    def build(self, spec):
        from series import SeriesNet

        return SeriesNet(spec=spec, channels=4, dropout=0.2)


@pytest.mark.slow
def test_members_of_a_stack_end_as_the_runs_alone(study):
    stacked, alone = results(study / "runs" / "stacked"), results(study / "runs" / "alone")
    assert len(stacked) == len(alone) == 4
    for folder, result in stacked.items():
        assert result["trained"] == "stack of 4"
        assert alone[study / "runs" / "alone" / folder.name]["trained"] == "alone"
        assert largest_difference(study / "runs" / "alone" / folder.name, folder) < 1e-9


@pytest.mark.slow
def test_training_batches_are_padded_to_the_split_and_others_to_their_own_longest(study):
    from lepton import build
    from lepton.config.check import check
    from lepton.config.compose import compose

    data = build.data(check(compose(*SERIES)))
    longest = int(data.splits["train"]["steps"].max())
    assert {b["series"].shape[1] for block in data.train_dataloader() for b in block} == {longest}
    batches = list(data.val_dataloader())
    for batch in batches:
        assert batch["series"].shape[1] == int(batch["mask"].sum(1).max())
    assert sum(len(batch["id"]) for batch in batches) == len(data.splits["val"]["id"])


@pytest.mark.slow
def test_batches_without_gradients_are_cut_by_what_padded_rows_cost(study, monkeypatch):
    from series import SeriesInputs

    from lepton.dataset.load import batch_cutter

    monkeypatch.setattr(batch_cutter, "BATCH_BYTES", 40 * 256)  # 40 steps of 256 bytes
    steps = torch.tensor([7, 30, 4, 12, 50, 12, 5])
    rows = {"series": torch.rand(7, 50), "steps": steps}
    expected, batch = [], []
    for row in sorted(range(7), key=lambda row: int(steps[row])):
        if batch and (len(batch) + 1) * steps[row] > 40:
            expected.append(batch)
            batch = []
        batch = [*batch, row]
    batches = list(prediction_batches(rows, [SeriesInputs]))
    assert [numbers.tolist() for numbers, _ in batches] == [*expected, batch]
    assert [b["mask"].shape[1] for _, b in batches] == [7, 12, 30, 50]


def frame_of(folder):
    """The raw series in the order of their ids."""
    files = sorted(Path("waves").glob("*/*.txt"))
    return pd.DataFrame({"signal": [[*map(float, f.read_text().split())] for f in files]})


def stored_test(folder):
    return pd.read_parquet(folder / "predictions" / "test.parquet").set_index("id")["prediction"]


@pytest.mark.slow
def test_a_finished_run_predicts_raw_series_as_it_did(study):
    folder = next(iter(results(study / "runs" / "alone")))
    stored = stored_test(folder)
    predicted = load_model(folder).predict_raw(frame_of(study)).loc[stored.index, "prediction"]
    np.testing.assert_allclose(predicted, stored, rtol=1e-6)
    one_by_one = [
        load_model(folder).predict_raw(frame_of(study).loc[[i]]) for i in stored.index[:3]
    ]
    np.testing.assert_allclose(pd.concat(one_by_one)["prediction"], stored[:3], rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["full", "head"])
def test_a_network_on_series_is_tuned_from_a_run(study, strategy):
    source = next(iter(results(study / "runs" / "alone")))
    start = (f"init_from={source}", f"finetune={strategy}", "study=tuned", *EXACT)
    folder = trained_folder(*SERIES, *start)
    before, after = (_weights(f) for f in (source, folder))
    moved = {name for name in before if not torch.allclose(before[name], after[name])}
    assert ("convolution.weight" in moved) == (strategy == "full")
    assert "head.weight" in moved
    assert json.loads((folder / "result.json").read_text())["metrics"]["test/auroc"] > 0.6


def _weights(folder):
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "runs"), [("mean", "stacked"), ("soup", "*-s0-*")], ids=["predictions", "weights"]
)
def test_runs_on_series_become_an_ensemble_that_predicts_and_verifies(
    study, lepton, monkeypatch, method, runs
):
    monkeypatch.chdir(study)  # `lepton` works in a folder of its own
    chosen = "runs=stacked" if runs == "stacked" else f"runs=runs/alone/{runs}"
    words = ("keep=true", "study=joined", f"method={method}")
    code, _, err = lepton("ensemble", chosen, *words)
    assert code == 0, err
    (folder,) = (study / "runs" / "joined").glob(f"*ensemble_{method}*")
    stored = stored_test(folder)
    predicted = load_model(folder).predict_raw(frame_of(study)).loc[stored.index, "prediction"]
    np.testing.assert_allclose(predicted, stored, rtol=1e-5)
    code, out, err = lepton("verify", str(folder))
    assert (code, "bit for bit" in out) == (0, True), out + err


@pytest.mark.slow
def test_a_run_on_series_is_the_same_again(study, lepton, monkeypatch):
    monkeypatch.chdir(study)
    folder = next(iter(results(study / "runs" / "alone")))
    code, out, err = lepton("verify", str(folder))
    assert (code, "bit for bit" in out) == (0, True), out + err


@pytest.mark.slow
def test_a_report_shows_series_as_their_kind_draws_them(study, lepton, monkeypatch):
    from series import sparkline, svg

    monkeypatch.chdir(study)
    code, _, err = lepton("report", "alone")
    assert code == 0, err
    report = study / "reports" / "alone"
    page, text = (report / "report.html").read_text(), (report / "report.md").read_text()
    frame, mistakes = frame_of(study), re.findall(r"^\| (\d+) \|", text, flags=re.MULTILINE)
    assert mistakes
    for sample in map(int, mistakes):
        values = frame["signal"][sample]
        picture = f"data:image/svg+xml;base64,{base64.b64encode(svg(values)).decode()}"
        assert f'<img src="{picture}" alt="{sparkline(values)}" ' in page
        assert sparkline(values) in text
    folder = next(iter(results(study / "runs" / "alone")))
    sliced = read_sample_inputs(folder, np.arange(5)).slice_columns
    assert sliced["steps of signal"].tolist() == [len(v) for v in frame["signal"][:5]]


@pytest.mark.slow
def test_a_run_that_is_stopped_again_and_again_ends_as_an_unbroken_one(data, stopped, fingerprint):
    folder, stops = stopped(7, *SERIES, *EXACT)
    assert stops > 1
    assert fingerprint(folder) == fingerprint(trained_folder(*SERIES, *EXACT))
