"""Tokenizers from folders, and the errors of folders that hold none."""

import pytest
from tokenizers import Tokenizer, models
from transformers import BertConfig

from lepton.errors import ConfigError
from lepton.tokenizer.pretrained import Pretrained


def test_a_damaged_tokenizer_is_named(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(ConfigError, match=r"tokenizer\.json: not a tokenizer"):
        Pretrained(path=str(tmp_path), max_length=8).fit(["a"])


def test_a_tokenizer_that_reads_no_text_is_named(tmp_path):
    Tokenizer(models.WordPiece({}, unk_token="[UNK]")).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ConfigError, match=r"tokenizer\.json: not a tokenizer \(.*Missing \[UNK\]"):
        Pretrained(path=str(tmp_path), max_length=8).fit(["a"])


def test_a_folder_of_weights_without_a_tokenizer_is_refused(tmp_path):
    BertConfig(vocab_size=50).save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match=r"has no tokenizer; add its tokenizer\.json"):
        Pretrained(path=str(tmp_path), max_length=8).fit(["a"])
