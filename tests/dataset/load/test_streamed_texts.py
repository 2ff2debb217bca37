"""Texts that exceed their budget of memory are what they are in memory, and come from the cache."""

import numpy as np
import pandas as pd
import pytest
import torch

from lepton import build, compose
from lepton.config.check import check
from lepton.config.identity import run_id
from lepton.dataset.clean import text_rows
from lepton.dataset.text_csv import TextCsv

MODELS = {"pieces": ("model=text_cnn",), "pairs": ("model=text_cnn", "dataset.text=[text,other]")}


@pytest.fixture(autouse=True)
def few_rows_in_a_block(tmp_path, monkeypatch):
    monkeypatch.setenv("LEPTON_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(text_rows, "BLOCK_ROWS", 23)


@pytest.fixture
def reviews(tmp_path):
    """Texts of very different lengths, some empty, long or repeated, beside others."""
    rng = np.random.default_rng(0)
    words = ["good", "bad", "river", "Straße", "猫", "hill", "a", "letter", "engine", "über"]
    texts = [" ".join(rng.choice(words, rng.integers(1, 12))) for _ in range(150)]
    texts[140] = " ".join(rng.choice(words, 200))
    texts[7], texts[8] = "  ", None
    frame = pd.DataFrame(
        {"text": texts, "other": texts[::-1], "label": rng.choice(["y", "n"], 150)}
    )
    frame.loc[20, "other"] = None
    frame.to_parquet(tmp_path / "reviews.parquet", row_group_size=40)
    frame.to_csv(tmp_path / "reviews.csv", index=False)
    frame.to_json(tmp_path / "reviews.jsonl", orient="records", lines=True)
    return tmp_path / "reviews"


def config_of(path, ending, *overrides):
    file = path.with_suffix(f".{ending}")
    fixed = ("dataset=text_csv", "dataset.text=text", "dataset.target=label")
    return check(
        compose(*fixed, f"dataset.path={file}", "model.tokenizer.max_length=64", *overrides)
    )


def same_data(data, other):
    for split, rows in other.splits.items():
        assert data.splits[split].keys() == rows.keys()
        for name, tensor in rows.items():
            assert data.splits[split][name].dtype == tensor.dtype
            assert torch.equal(data.splits[split][name], tensor)
    assert (data.spec, data.notes) == (other.spec, other.notes)
    assert data.fitted_tokenizer.tokenizer.to_str() == other.fitted_tokenizer.tokenizer.to_str()


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_streamed_tokens_are_those_in_memory(ending, model, reviews, monkeypatch):
    in_memory = build.data(config_of(reviews, ending, *MODELS[model]))
    streamed = build.data(config_of(reviews, ending, *MODELS[model], "dataset.memory_gb=0"))
    assert in_memory.streamed_from is None
    assert "dataset.memory_gb=0" in streamed.streamed_from
    same_data(streamed, in_memory)
    monkeypatch.setattr(TextCsv, "tables", None)  # the file is not read again
    again = build.data(config_of(reviews, ending, *MODELS[model], "dataset.memory_gb=0"))
    same_data(again, in_memory)


@pytest.mark.slow
def test_a_streamed_run_on_texts_is_the_run_in_memory(reviews, trained_both_ways):
    trained_both_ways(
        *("dataset=text_csv", "dataset.text=text", "dataset.target=label", "model=text_cnn"),
        f"dataset.path={reviews}.parquet",
        same=("predictions/test.parquet", "model.safetensors", "tokenizer.json"),
    )


@pytest.mark.slow
def test_the_budget_of_texts_does_not_name_a_run(reviews):
    model = "model=text_cnn"
    ids = {
        run_id(config_of(reviews, "csv", model, f"dataset.memory_gb={x}")) for x in ("null", "0")
    }
    assert len(ids) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ending", "overrides", "reason"),
    [
        ("jsonl", ["model=text_cnn"], "JSON lines are read at once"),
        ("csv", ["model=tfidf_linear"], "takes texts as they are"),
    ],
)
def test_what_cannot_be_streamed_is_read_whole_and_says_so(ending, overrides, reason, reviews):
    file = reviews.with_suffix(f".{ending}")
    fixed = ("dataset=text_csv", "dataset.text=text", "dataset.target=label")
    words = (*fixed, f"dataset.path={file}", *overrides)
    data = build.data(check(compose(*words, "dataset.memory_gb=0")))
    assert data.streamed_from is None
    assert "more than dataset.memory_gb=0" in data.read_whole
    assert reason in data.read_whole
    assert build.data(check(compose(*words))).read_whole is None


@pytest.mark.slow
def test_a_set_of_the_package_datasets_is_streamed_from_its_own_files(tmp_path):
    datasets = pytest.importorskip("datasets", reason="needs the package datasets")
    features = datasets.Features(
        text=datasets.Value("string"), label=datasets.ClassLabel(names=["bad", "good"])
    )
    content = {
        "text": [f"text number {i}" for i in range(90)],
        "label": [-1, *(i % 2 for i in range(89))],
    }
    datasets.disable_progress_bars()
    datasets.Dataset.from_dict(content, features=features).save_to_disk(tmp_path / "set")
    words = ("dataset=huggingface", f"dataset.name={tmp_path / 'set'}", "dataset.test=null")
    words = (*words, "dataset.text=text", "dataset.target=label", "model=text_cnn")
    in_memory = build.data(check(compose(*words)))
    streamed = build.data(check(compose(*words, "dataset.memory_gb=0")))
    assert "dataset.memory_gb=0" in streamed.streamed_from
    same_data(streamed, in_memory)
