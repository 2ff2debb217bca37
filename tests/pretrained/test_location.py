"""Weights cut short, told as what they are."""

import pytest
from safetensors.torch import load

from lepton.errors import DataError
from lepton.pretrained.location import explain_loading_errors, loading_problem, local_folder


def test_weights_that_are_cut_short_are_named(tmp_path):
    with (
        pytest.raises(DataError, match=r"model\.path=.*[hH]eader"),
        explain_loading_errors(str(tmp_path)),
    ):
        load(b"x" * 50)


def test_a_module_that_is_no_package_has_no_folder_of_weights():
    assert local_folder("pkg://threadpoolctl/model") is None
    problem = loading_problem("pkg://threadpoolctl/model", weights=True)
    assert problem == "threadpoolctl is a single module, which has no folder"
