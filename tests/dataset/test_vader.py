"""The shipped texts: as many, as rated, as grouped as their paper says."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.dataset.vader import VADER_FILE
from lepton.errors import DataError

COUNTS = {"tweets": 4200, "reviews": 3708, "films": 10605, "news": 5190}


def vader(*overrides):
    return build.data(check(compose("dataset=vader", "model=text_cnn", *overrides)))


@pytest.fixture(scope="module")
def all_texts():
    """All texts, as the option gives them."""
    return vader()


def test_the_file_is_small_and_holds_what_its_description_counts():
    frame = pd.read_parquet(VADER_FILE)
    assert VADER_FILE.stat().st_size < 1.5e6
    assert frame["source"].value_counts().to_dict() == COUNTS
    assert frame["rating"].between(-4, 4).all()
    assert (frame["text"].str.strip() != "").all()
    assert frame.groupby("source")["document"].nunique()["news"] < 500
    assert frame["document"][frame["source"] == "tweets"].is_unique


@pytest.mark.slow
@pytest.mark.parametrize("source", COUNTS)
def test_one_source_alone_can_be_learned_from(source):
    data = vader(f"dataset.source={source}")
    rows = sum(len(tensors["id"]) for tensors in data.splits.values())
    dropped = sum(note.count for note in data.notes if note.what.endswith("dropped"))
    assert rows + dropped == COUNTS[source]


@pytest.mark.slow
def test_sentences_of_one_document_are_in_one_split(all_texts):
    frame, splits = pd.read_parquet(VADER_FILE), all_texts.splits
    documents = {
        split: set(frame["document"].iloc[tensors["id"]]) for split, tensors in splits.items()
    }
    assert not documents["train"] & (documents["test"] | documents["val"])


@pytest.mark.slow
def test_classes_are_cut_from_the_ratings(all_texts):
    frame, data = pd.read_parquet(VADER_FILE), all_texts
    assert data.spec.classes == ("negative", "neutral", "positive")
    train = data.splits["train"]
    rating = frame["rating"].iloc[train["id"]].to_numpy()
    np.testing.assert_array_equal(train["target"], 1 + (rating > 0.5) - (rating < -0.5))
    binary = vader("dataset.neutral=0", "dataset.source=films")
    assert binary.spec.classes == ("negative", "positive")
    ids = np.concatenate([tensors["id"] for tensors in binary.splits.values()])
    films = frame[frame["source"] == "films"].reset_index(drop=True)
    assert (films["rating"].iloc[ids] != 0).all()


@pytest.mark.slow
def test_ratings_can_be_predicted():
    data = vader("dataset.target=rating", "dataset.source=news")
    assert data.spec.task == "regression"


def test_a_band_wider_than_the_scale_is_refused():
    with pytest.raises(DataError, match=r"dataset\.neutral=5\.0: from 0 to below 4"):
        vader("dataset.neutral=5.0")


def test_the_script_refuses_another_archive(tmp_path):
    path = Path(__file__).parents[2] / "scripts" / "build_vader.py"
    spec = importlib.util.spec_from_file_location("build_vader", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    (tmp_path / "hutto_ICWSM_2014.tar.gz").write_bytes(b"another")
    with pytest.raises(ValueError, match="not the archive this script was written for"):
        script.read_source(tmp_path / "hutto_ICWSM_2014.tar.gz")
