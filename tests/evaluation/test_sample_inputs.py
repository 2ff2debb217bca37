"""The inputs of samples, as the report shows them and evaluators slice them."""

import pandas as pd
import pytest

from lepton import build, train
from lepton.config.compose import compose
from lepton.errors import LeptonError
from lepton.evaluation.sample_inputs import read_sample_inputs

SMALL = ("dataset=wine", "model=linear", "trainer=smoke", "study=shown")


@pytest.fixture
def folder(here):
    return here / "runs" / "shown" / train(compose(*SMALL)).run


@pytest.mark.slow
def test_rows_are_those_of_the_data_without_the_target(folder):
    predictions = pd.read_parquet(folder / "predictions" / "test.parquet")
    ids = predictions["id"].to_numpy()
    inputs = read_sample_inputs(folder, ids).inputs
    from sklearn.datasets import load_wine

    wine = load_wine(as_frame=True).data
    assert inputs.to_numpy().tolist() == wine.iloc[ids].to_numpy().tolist()


@pytest.mark.slow
def test_a_data_set_without_a_table_is_told(folder, monkeypatch):
    monkeypatch.setattr(build, "unread_data", lambda config, **unused: object())
    with pytest.raises(LeptonError, match="its data set has no table of inputs"):
        read_sample_inputs(folder, [0])
