"""Whole runs on several kinds at once: predicted, swept, tuned, stacked, combined, verified."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lepton import load_model
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.identity import run_id
from lepton.errors import DataError
from tests.shop_files import SHOP, write_shop
from tests.sound_files import write_tones


@pytest.fixture
def shop(here):
    return write_shop(here)


def photos(table):
    """The table with paths as they are given to predict."""
    paths = [f"photos/{name}" if name else None for name in table["photo"]]
    return table.drop(columns="sold").assign(photo=paths)


@pytest.mark.slow
def test_a_run_predicts_a_frame_with_paths_and_empty_cells_as_it_did_its_test_split(shop, run_once):
    folder = run_once(*SHOP)
    Path("shop.csv").unlink()
    written = pd.read_parquet(folder / "predictions" / "test.parquet")
    rows = photos(shop).iloc[written["id"]]
    assert rows["photo"].isna().any()
    model = load_model(folder)
    np.testing.assert_allclose(
        model.predict_raw(rows)["prediction"], written["prediction"], rtol=1e-5
    )
    for lacking in ({"photo": None}, {"note": None}, {"photo": "", "note": " "}):
        predicted = model.predict_raw(rows.assign(**lacking))["prediction"]
        assert predicted.between(0, 1).all()
    with pytest.raises(DataError, match="column 'photo' is missing"):
        model.predict_raw(rows.drop(columns="photo"))
    with pytest.raises(DataError, match=r"nowhere\.png: no such file"):
        model.predict_raw(rows.assign(photo="nowhere.png"))


@pytest.mark.slow
def test_encoders_of_kinds_that_are_not_used_are_no_part_of_a_runs_id(shop):
    def id_of(*overrides):
        return run_id(check(compose(*SHOP, *overrides)))

    wide = "model.encoders.image.channels=[9]"
    assert id_of("dataset.use=[text]") == id_of("dataset.use=[text]", wide)
    assert id_of() != id_of(wide)
    assert len({id_of(), id_of("dataset.use=[text]"), id_of("dataset.use=[table]")}) == 3


@pytest.mark.slow
def test_one_sweep_shows_what_each_kind_adds(shop, lepton):
    code, table, _ = lepton(
        *("train", "-m", *SHOP, "trainer.max_epochs=1"),
        "dataset.use=[table],[text],[image],[table,text],all",
    )
    assert code == 0
    ids = []
    for path in Path("runs/default").glob("*-s0-*"):
        result = json.loads((path / "result.json").read_text())
        ids.append(tuple(pd.read_parquet(path / "predictions" / "test.parquet")["id"]))
        assert result["rows"] == {"train": 57, "val": 15, "test": 18}
    assert len(ids) == 5
    assert len({*ids}) == 1
    assert "dataset.use" in table.replace("\n", "")


@pytest.mark.slow
def test_encoders_are_swept_by_name(shop, lepton):
    names = "model.encoders.text=bag_of_embeddings,text_cnn,null"
    words = [word for word in SHOP if "encoders.text" not in word]
    assert lepton("train", "-m", *words, "trainer.max_epochs=1", names)[0] == 0
    assert len([*Path("runs/default").glob("*-s0-*")]) == 3
    again = lepton("train", "-m", *words, "trainer.max_epochs=1", names)
    assert "3 finished" in again[1] + again[2]


@pytest.mark.slow
@pytest.mark.parametrize("tokens", [1, 3])
def test_stacked_runs_are_those_trained_alone(shop, lepton, tokens):
    sweep = ("train", "-m", *SHOP, "seed=0,1,2", "trainer.precision=64-true")
    sweep = (*sweep, "dataset.use=[image,table]", "model.modality_dropout=0.2")
    sweep = (*sweep, "model.fusion=attention", "model.width=8", "model.heads=2")
    sweep = (*sweep, f"model.tokens={tokens}")
    for launcher, *size in (("basic",), ("vectorized", "hydra.launcher.size=3")):
        code, out, said = lepton(*sweep, f"study={launcher}", f"hydra/launcher={launcher}", *size)
        assert code == 0
        assert ("as one stack" in out + said) == (launcher == "vectorized")
    alone, stacked = (
        {path.name: pd.read_parquet(path / "predictions" / "test.parquet") for path in runs}
        for runs in (Path("runs/basic").glob("*-s*"), Path("runs/vectorized").glob("*-s*"))
    )
    assert len(alone) == 3
    for name, table in alone.items():
        pd.testing.assert_frame_equal(table, stacked[name], rtol=1e-9)


@pytest.mark.slow
def test_runs_are_combined_verified_and_reported(shop, lepton):
    assert lepton("train", "-m", *SHOP, "trainer.max_epochs=1", "seed=0,1")[0] == 0
    trained = {path.parent for path in Path("runs").rglob("result.json")}
    assert lepton("ensemble", "runs=default", "method=mean", "keep=true")[0] == 0
    results = {path.parent for path in Path("runs").rglob("result.json")}
    (combined,) = results - trained
    written = pd.read_parquet(combined / "predictions" / "test.parquet")
    predicted = load_model(combined).predict_raw(photos(shop).iloc[written["id"]])
    np.testing.assert_allclose(predicted["prediction"], written["prediction"], rtol=1e-5)
    first = min(trained)
    assert lepton("verify", str(first))[0] == 0
    assert lepton("report", "default")[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("tokens", [1, 3])
def test_a_training_stopped_again_and_again_ends_as_one_that_was_not(
    shop, stopped, run, fingerprint, tokens
):
    words = (*SHOP, "model.modality_dropout=0.3", "model.fusion=attention", "model.width=8")
    words = (*words, "model.heads=2", f"model.tokens={tokens}")
    folder, stops = stopped(3, *words)
    assert stops >= 2
    assert fingerprint(folder) == fingerprint(run(*words))


@pytest.fixture
def encoder(here):
    """A small encoder with its tokenizer, as Hugging Face has them."""
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    from lepton.tokenizer.trained import Trained

    sizes = {"vocabulary": 200, "min_frequency": 1, "lowercase": True, "max_length": 64}
    tokens = Trained(**sizes).fit(["a good warm thing", "a bad cold item"])
    shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    BertModel(
        BertConfig(vocab_size=tokens.vocabulary, intermediate_size=8, **shape)
    ).save_pretrained("encoder")
    PreTrainedTokenizerFast(tokenizer_object=tokens.tokenizer).save_pretrained("encoder")
    words = [w for w in SHOP if not w.startswith(("model.encoders.t", "dataset.inputs"))]
    return (
        *(*words, "dataset.columns.photo=ignore", "model.encoders.table=linear"),
        *("model.encoders.text=transformer", "model.encoders.text.path=encoder"),
    )


@pytest.mark.slow
@pytest.mark.parametrize("tokens", [1, 3])
def test_features_of_frozen_encoders_are_computed_once_kept_and_stacked(
    shop, encoder, lepton, monkeypatch, tokens
):
    from lepton.model.transformer import Transformer

    calls, hidden = [], Transformer._hidden
    monkeypatch.setattr(
        Transformer, "_hidden", lambda self, batch: calls.append(1) or hidden(self, batch)
    )
    sweep = ("train", "-m", *encoder, "finetune=head", "optimizer.lr=0.01,0.001")
    if tokens > 1:
        sweep = (*sweep, "model.fusion=attention", f"model.tokens={tokens}", "model.width=8")
        sweep = (*sweep, "model.heads=2", "model.modality_dropout=0.2")
    alone, stacked, counts = {}, {}, []
    for launcher, tables in (("basic", alone), ("vectorized", stacked)):
        assert lepton(*sweep, f"study={launcher}", f"hydra/launcher={launcher}")[0] == 0
        for path in Path("runs", launcher).glob("*-s0-*"):
            tables[path.name] = pd.read_parquet(path / "predictions" / "test.parquet")
        counts.append(len(calls))
    assert counts[0] == counts[1] > 0  # the stack computes none anew
    assert len(alone) == 2
    for name, table in alone.items():
        pd.testing.assert_frame_equal(table, stacked[name], rtol=1e-4)


@pytest.mark.slow
def test_a_pretrained_encoder_is_rebuilt_without_the_folder_that_it_came_from(shop, encoder, run):
    folder = run(*encoder, "finetune=full")
    shutil.rmtree("encoder")
    written = pd.read_parquet(folder / "predictions" / "test.parquet")
    predicted = load_model(folder).predict_raw(shop.iloc[written["id"]])
    np.testing.assert_allclose(predicted["prediction"], written["prediction"], rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["lora", "layerwise_lr", "last_k", "lp_ft", "bitfit"])
def test_strategies_tune_the_encoders(shop, encoder, run, strategy):
    keep = ["finetune.keep=whole"] if strategy == "lora" else []
    folder = run(*encoder, f"finetune={strategy}", *keep, "trainer.max_epochs=1")
    written = pd.read_parquet(folder / "predictions" / "test.parquet")
    predicted = load_model(folder).predict_raw(shop.iloc[written["id"]])
    np.testing.assert_allclose(predicted["prediction"], written["prediction"], rtol=1e-5)


@pytest.mark.slow
def test_sounds_are_a_kind_like_any_other(here, run):
    pytest.importorskip("soundfile")
    write_tones(here / "calls")
    table = pd.read_csv("calls.csv")
    table["file"] = table["file"].where(table.index % 5 != 1, "")
    table["weight"] = table["grade"] + 0.1 * (table.index % 7)
    table.to_csv("calls.csv", index=False)
    folder = run(
        *("dataset=multimodal", "dataset.path=calls.csv", "dataset.root=calls", "study=calls"),
        *("dataset.target=pitch", "model=multimodal", "model.encoders.audio.channels=[4]"),
        *("model.encoders.audio.spectrum.bands=12", "model.encoders.table.hidden=[4]"),
        *("model.hidden=[]", "trainer=cpu", "trainer.max_epochs=1", "batch_size=8"),
    )
    written = pd.read_parquet(folder / "predictions" / "test.parquet")
    rows = table.iloc[written["id"]].copy()
    rows["file"] = [f"calls/{name}" if name else None for name in rows["file"]]
    predicted = load_model(folder).predict_raw(rows)["prediction"]
    np.testing.assert_allclose(predicted, written["prediction"], rtol=1e-4)
