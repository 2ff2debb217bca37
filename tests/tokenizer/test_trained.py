"""The learned vocabulary: the same each time, for any script."""

import json

import pandas as pd
import pytest

from lepton.dataset.vader import VADER_FILE
from lepton.errors import ConfigError
from lepton.tokenizer.trained import Trained

TEXTS = ["The cat sat on the mat.", "A cat and a dog", "猫坐在垫子上", "кошка сидит на ковре"] * 3
SIZES = {"min_frequency": 2, "lowercase": True, "max_length": 12}


@pytest.fixture
def tokenizer():
    return Trained(vocabulary=120, **SIZES).fit(TEXTS)


def ids(tokenizer, text):
    encoded = tokenizer.encode([text], keep=False)
    return encoded["tokens"][0, : encoded["length"][0]].tolist()


def tokens_of(tokenizer, text):
    return [tokenizer.tokenizer.id_to_token(i) for i in ids(tokenizer, text)]


def test_a_text_stands_between_the_two_marks(tokenizer):
    assert tokens_of(tokenizer, "the CAT")[0] == "[CLS]"
    assert tokens_of(tokenizer, "the CAT")[-1] == "[SEP]"
    assert "cat" in tokens_of(tokenizer, "the CAT")
    assert ids(tokenizer, "the cat") == ids(tokenizer, "The CAT")


def test_each_chinese_sign_is_a_word_and_no_script_is_unknown(tokenizer):
    assert tokens_of(tokenizer, "猫坐") == ["[CLS]", "猫", "坐", "[SEP]"]
    assert "[UNK]" not in tokens_of(tokenizer, "кошка на ковре")
    assert "[UNK]" in tokens_of(tokenizer, "ねこ")  # signs that the texts never showed


def test_accents_are_kept():
    tokenizer = Trained(vocabulary=120, **SIZES).fit(["schön schon"] * 4)
    assert ids(tokenizer, "schön") != ids(tokenizer, "schon")


def test_the_vocabulary_is_at_most_as_large_as_the_config_says(tokenizer):
    assert tokenizer.vocabulary <= 120


@pytest.mark.slow
def test_the_same_is_learned_each_time_whatever_a_process_did_before():
    rows = pd.read_parquet(VADER_FILE)["text"].tolist()[:2000]
    trained = Trained(vocabulary=1000, **SIZES)
    first, *others = (json.loads(trained._train(rows)) for _ in range(4))
    assert len(first["model"]["vocab"]) == 1000
    assert all(other == first for other in others)


@pytest.mark.slow
def test_a_word_of_endless_letters_teaches_nothing_and_keeps_nobody_waiting(tokenizer):
    longer = Trained(vocabulary=120, **SIZES).fit([*TEXTS, "ab" * 100_000])
    assert longer.tokenizer.to_str() == tokenizer.tokenizer.to_str()
    assert tokens_of(longer, "ab" * 100_000) == ["[CLS]", "[UNK]", "[SEP]"]


def test_too_small_a_vocabulary_is_refused():
    with pytest.raises(ConfigError, match=r"model\.tokenizer\.vocabulary: 3 is too small"):
        Trained(vocabulary=3, **SIZES)


def test_a_piece_must_occur():
    with pytest.raises(ConfigError, match=r"model\.tokenizer\.min_frequency: 0; 1 at least"):
        Trained(vocabulary=100, **SIZES | {"min_frequency": 0})
