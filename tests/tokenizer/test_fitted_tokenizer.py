"""Tokens against those of the package transformers, text by text, and from the cache."""

import logging

import pytest
import torch

from lepton.tokenizer.fitted_tokenizer import FittedTokenizer
from lepton.tokenizer.pretrained import Pretrained
from lepton.tokenizer.trained import Trained

TEXTS = ["a cat", "the dog sat on the mat and looked at the cat", "", "猫"]
PAIRS = [("a cat", "a dog"), ("the cat sat on the mat", "it did"), ("mat", "on")]
SIZES = {"vocabulary": 80, "min_frequency": 1, "lowercase": True}


@pytest.fixture
def folder(tmp_path):
    """A tokenizer as transformers saves it."""
    from transformers import PreTrainedTokenizerFast

    tokenizer = Trained(max_length=64, **SIZES).fit(TEXTS).tokenizer
    tokenizer.no_truncation()
    special = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(
        tmp_path / "saved"
    )
    return tmp_path / "saved"


def reference_tokenizer(folder):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("max_length", [64, 6])
def test_tokens_are_those_of_transformers_one_text_at_a_time(folder, max_length):
    encoded = Pretrained(path=str(folder), max_length=max_length).fit([]).encode(TEXTS)
    reference = reference_tokenizer(folder)
    for i, text in enumerate(TEXTS):
        expected = reference(text, truncation=True, max_length=max_length)["input_ids"]
        n = int(encoded["length"][i])
        assert encoded["tokens"][i, :n].tolist() == expected
        assert not encoded["tokens"][i, n:].any()
        assert bool(encoded["cut"][i]) == (len(reference(text)["input_ids"]) > max_length)
    assert encoded["tokens"].dtype == torch.int32


def test_pairs_have_the_segments_of_transformers(folder):
    encoded = Pretrained(path=str(folder), max_length=64).fit([]).encode(PAIRS)
    reference = reference_tokenizer(folder)
    for i, (first, second) in enumerate(PAIRS):
        expected = reference(first, second, return_token_type_ids=True)
        n = int(encoded["length"][i])
        assert encoded["tokens"][i, :n].tolist() == expected["input_ids"]
    assert encoded["second"].tolist()[0] == len(reference("a cat")["input_ids"])


def test_the_second_time_nothing_is_encoded(caplog, monkeypatch, cache):
    caplog.set_level(logging.DEBUG, "lepton")
    tokens = Trained(max_length=8, **SIZES).fit(TEXTS)
    first = tokens.encode(TEXTS)
    assert "tokens made" in caplog.text
    assert "tokens from the cache" not in caplog.text
    monkeypatch.setattr(FittedTokenizer, "_encode", lambda *_: pytest.fail("encoded again"))
    again = Trained(max_length=8, **SIZES).fit(TEXTS).encode(TEXTS)
    assert "tokens from the cache" in caplog.text
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert {path.parent.name for path in cache.rglob("*") if path.is_file()} == {
        "tokens",
        "tokenizer",
    }


@pytest.mark.parametrize("other", [{"max_length": 7}, {"lowercase": False}])
def test_another_tokenizer_or_other_texts_are_encoded_anew(other, cache):
    Trained(**{"max_length": 8, **SIZES}).fit(TEXTS).encode(TEXTS)
    Trained(**{"max_length": 8, **SIZES}).fit(TEXTS).encode(TEXTS[:2])
    Trained(**{"max_length": 8, **SIZES} | other).fit(TEXTS).encode(TEXTS)
    assert len(list((cache / "tokens").iterdir())) == 3


@pytest.mark.parametrize(("package", "anew"), [("tokenizers", True), ("scikit_learn", False)])
def test_tokens_and_tokenizers_of_another_version_are_made_anew(package, anew, upgrade, cache):
    file_counts = []
    for version in ("before", "after", "after"):
        upgrade(**{package: version})
        Trained(max_length=8, **SIZES).fit(TEXTS).encode(TEXTS)
        file_counts.append(
            [len(list((cache / kind).iterdir())) for kind in ("tokenizer", "tokens")]
        )
    assert file_counts == [[1, 1], [2, 2] if anew else [1, 1], [2, 2] if anew else [1, 1]]


def test_a_cache_that_cannot_be_written_costs_a_word(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LEPTON_CACHE", str(tmp_path / "file"))
    tokens = Trained(max_length=8, **SIZES).fit(TEXTS)
    assert tokens.encode(TEXTS)["length"].tolist()
    assert "LEPTON_CACHE names another folder" in caplog.text


def test_saved_tokens_are_loaded_as_they_were(tmp_path):
    from types import SimpleNamespace

    tokens = Trained(max_length=6, **SIZES).fit(TEXTS)
    tokens.save(tmp_path)
    again = FittedTokenizer.load(tmp_path, SimpleNamespace(max_length=6, pad=tokens.pad))
    for name, value in tokens.encode(TEXTS).items():
        assert torch.equal(again.encode(TEXTS)[name], value)
