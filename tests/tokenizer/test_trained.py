"""The vocabulary that is learned: the same each time, for any script."""

import json

import pandas as pd
import pytest

from lepton.dataset.vader import FILE
from lepton.errors import ConfigError
from lepton.tokenizer.trained import Trained

TEXTS = ["The cat sat on the mat.", "A cat and a dog", "猫坐在垫子上", "кошка сидит на ковре"] * 3
SIZES = {"min_frequency": 2, "lowercase": True, "max_length": 12}


@pytest.fixture
def tokens():
    return Trained(vocabulary=120, **SIZES).fit(TEXTS)


def ids(tokens, text):
    found = tokens.encode([text], keep=False)
    return found["tokens"][0, : found["length"][0]].tolist()


def words(tokens, text):
    return [tokens.tokenizer.id_to_token(i) for i in ids(tokens, text)]


def test_a_text_stands_between_the_two_marks(tokens):
    assert words(tokens, "the CAT")[0] == "[CLS]"
    assert words(tokens, "the CAT")[-1] == "[SEP]"
    assert "cat" in words(tokens, "the CAT")
    assert ids(tokens, "the cat") == ids(tokens, "The CAT")


def test_each_chinese_sign_is_a_word_and_no_script_is_unknown(tokens):
    assert words(tokens, "猫坐") == ["[CLS]", "猫", "坐", "[SEP]"]
    assert "[UNK]" not in words(tokens, "кошка на ковре")
    assert "[UNK]" in words(tokens, "ねこ")  # signs that the texts never showed


def test_accents_are_kept():
    tokens = Trained(vocabulary=120, **SIZES).fit(["schön schon"] * 4)
    assert ids(tokens, "schön") != ids(tokens, "schon")


def test_the_vocabulary_is_as_large_as_asked_or_as_the_texts_give(tokens):
    assert tokens.vocabulary <= 120


def test_the_same_is_learned_each_time_whatever_a_process_did_before():
    rows = pd.read_parquet(FILE)["text"].tolist()[:2000]
    trained = Trained(vocabulary=1000, **SIZES)
    first, *others = (json.loads(trained._train(rows)) for _ in range(4))
    assert len(first["model"]["vocab"]) == 1000
    assert all(other == first for other in others)


def test_a_word_of_endless_letters_teaches_nothing_and_keeps_nobody_waiting(tokens):
    longer = Trained(vocabulary=120, **SIZES).fit([*TEXTS, "ab" * 100_000])
    assert longer.tokenizer.to_str() == tokens.tokenizer.to_str()
    assert words(longer, "ab" * 100_000) == ["[CLS]", "[UNK]", "[SEP]"]


def test_too_small_a_vocabulary_is_refused():
    with pytest.raises(ConfigError, match=r"model\.tokenizer\.vocabulary: 3 is too small"):
        Trained(vocabulary=3, **SIZES)


def test_a_piece_must_occur():
    with pytest.raises(ConfigError, match=r"model\.tokenizer\.min_frequency: 0; 1 at least"):
        Trained(vocabulary=100, **SIZES | {"min_frequency": 0})
