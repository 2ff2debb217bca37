"""What `init_from` names is looked at before anything is loaded."""

import os
from pathlib import Path

import pytest

from lepton.pretrained.init_from import init_from_problem


@pytest.mark.parametrize("name", ["model.safetensors", "adapter.safetensors"])
@pytest.mark.parametrize(
    "make",
    [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero"), lambda p: p.symlink_to("x")],
)
def test_weights_of_a_run_that_are_no_file_are_named(tmp_path, make, name):
    (tmp_path / "result.json").write_text("{}")
    assert "without a network" in str(init_from_problem(str(tmp_path)))
    make(tmp_path / name)
    line = init_from_problem(str(tmp_path))
    assert line == f"init_from: {tmp_path / name}: damaged: no regular file"
