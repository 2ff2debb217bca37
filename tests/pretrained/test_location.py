"""Weights cut short, told as what they are."""

import pytest
from safetensors.torch import load

from lepton.errors import DataError
from lepton.pretrained.location import explain_loading_errors


def test_weights_that_are_cut_short_are_named(tmp_path):
    with (
        pytest.raises(DataError, match=r"model\.path=.*header"),
        explain_loading_errors(str(tmp_path)),
    ):
        load(b"x" * 50)
