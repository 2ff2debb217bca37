"""The tokenizer of a folder."""

import pytest

from lepton.errors import ConfigError
from lepton.tokenizer.pretrained import Pretrained


def test_a_damaged_tokenizer_is_named(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(ConfigError, match=r"tokenizer\.json: not a tokenizer"):
        Pretrained(path=str(tmp_path), max_length=8).fit(["a"])
