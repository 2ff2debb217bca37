"""A data set that provides a table and series: a model reads both, or one of them."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from lepton import build, load_model
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.errors import ConfigError
from lepton.testing import DatasetContract, ModelContract
from tests.inputs.conftest import VISITS, trained_folder
from tests.inputs.made_series import write_visits

MODELS = {"visit_net": ("table", "series"), "series_net": ("series",), "linear": ("table",)}
SHORT = ("trainer.max_epochs=3", "study=visits")


class TestVisits(DatasetContract):
    overrides = (*VISITS, "model=visit_net")

    @pytest.fixture(autouse=True)
    def visits(self, here):
        write_visits(here / "visits.jsonl")


class TestVisitNet(ModelContract):
    reads = ("table", "series.SeriesInputs")

    def build(self, spec):
        from series import VisitNet

        return VisitNet(spec=spec, channels=4)


@pytest.fixture
def module(data):
    return lambda model: build.data(check(compose(*VISITS, f"model={model}")))


@pytest.mark.slow
def test_each_model_is_given_what_it_reads_of_the_same_rows(module):
    modules = {model: module(model) for model in MODELS}
    tensors = {"table": {"num", "cat"}, "series": {"series", "steps"}}
    for model, kinds in MODELS.items():
        expected = {"target", "id"}.union(*(tensors[kind] for kind in kinds))
        assert {*modules[model].splits["train"]} == expected
        assert ("series" in modules[model].spec.inputs) == ("series" in kinds)
        assert bool(modules[model].spec.num_features) == ("table" in kinds)
    for split in ("train", "val", "test"):
        ids = [module.splits[split]["id"] for module in modules.values()]
        assert all(torch.equal(ids[0], other) for other in ids)


def test_the_column_of_one_kind_is_no_feature_of_another(module):
    spec = module("visit_net").spec
    assert (spec.num_features, spec.cat_features) == (("age",), ("ward",))


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_a_run_predicts_raw_rows_as_it_did_and_needs_no_column_that_it_does_not_read(data, model):
    folder = trained_folder(*VISITS, *SHORT, f"model={model}")
    stored = pd.read_parquet(folder / "predictions" / "test.parquet").set_index("id")["prediction"]
    frame = pd.read_json("visits.jsonl", lines=True).drop(columns="outcome")
    unread = {"series_net": ["age", "ward"], "linear": ["pulse"]}.get(model, [])
    predicted = load_model(folder).predict_raw(frame.drop(columns=unread)).loc[stored.index]
    np.testing.assert_allclose(predicted["prediction"], stored, rtol=1e-5)
    assert (folder / "preprocessing.skops").is_file() == ("table" in MODELS[model])
    assert (folder / "series.json").is_file() == ("series" in MODELS[model])


@pytest.mark.slow
def test_preprocessing_is_no_part_of_a_run_that_reads_no_table(data):
    configs = [
        check(compose(*VISITS, f"model={model}", "preprocessing=standard"))
        for model in ("series_net", "visit_net")
    ]
    assert [config["preprocessing"] is None for config in configs] == [True, False]


@pytest.mark.slow
def test_a_batch_of_two_kinds_is_what_each_gives_alone(module):
    both, series, table = (module(model) for model in MODELS)
    batch = next(iter(both.train_dataloader()))[0]
    for alone in (series, table):
        expected = next(iter(alone.train_dataloader()))[0]
        for name, values in expected.items():
            assert torch.equal(batch[name], values), name


@pytest.mark.slow
def test_a_spec_holds_the_fields_of_a_further_kind_under_its_name(module, tmp_path):
    spec = module("visit_net").spec
    spec.save(tmp_path / "spec.json")
    stored = json.loads((tmp_path / "spec.json").read_text())
    assert stored["inputs"]["series"]["kind"] == "series.SeriesInputs"
    assert stored["inputs"]["series"]["longest"] == spec.inputs["series"]["longest"]
    assert type(spec).load(tmp_path / "spec.json") == spec
    module("linear").spec.save(tmp_path / "spec.json")
    assert "inputs" not in json.loads((tmp_path / "spec.json").read_text())


@pytest.mark.slow
def test_a_model_that_reads_what_is_not_there_is_refused_in_words(data):
    with pytest.raises(ConfigError) as error:
        compose(*VISITS, "model=text_cnn")
    assert str(error.value) == (
        "dataset, model: dataset=visits holds a table and series, and model=text_cnn reads texts; "
        "`lepton list model` says what each model reads"
    )
    with pytest.raises(ConfigError, match="dataset=wine holds a table, and model=series_net reads"):
        compose("dataset=wine", "model=series_net")
