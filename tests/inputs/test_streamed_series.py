"""A kind of one's own is streamed where its rows exceed a budget, without a line about it there."""

from pathlib import Path

import pytest
import torch

from lepton import build
from lepton.cli import main
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.dataset.inputs import kind
from tests.inputs.conftest import SERIES, results, trained_folder
from tests.vectorize.conftest import largest_difference

STREAMED = "dataset.memory_gb=0"


@pytest.mark.slow
def test_streamed_series_are_those_in_memory(data, monkeypatch):
    monkeypatch.setattr(kind, "BLOCK_ROWS", 7)
    in_memory = build.data(check(compose(*SERIES)))
    streamed = build.data(check(compose(*SERIES, STREAMED)))
    assert STREAMED in streamed.streamed_from
    for split, rows in in_memory.splits.items():
        for name, tensor in rows.items():
            assert torch.equal(streamed.splits[split][name], tensor), (split, name)
    assert (streamed.spec, streamed.notes) == (in_memory.spec, in_memory.notes)


@pytest.mark.slow
def test_a_run_on_streamed_series_is_the_run_in_memory(data):
    words = (*SERIES, "trainer.max_epochs=2", "study=s")
    folders = [
        Path("memory", "s", trained_folder(*words, "runs=memory").name),
        Path("disk", "s", trained_folder(*words, "runs=disk", STREAMED).name),
    ]
    for name in ("predictions/test.parquet", "model.safetensors"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()


@pytest.mark.slow
def test_a_stack_on_streamed_series_is_the_stack_in_memory(data, monkeypatch):
    words = ("-m", *SERIES, "trainer.max_epochs=2", "seed=0,1", "hydra/launcher=vectorized")
    for study, *memory in (("whole",), ("streamed", STREAMED)):
        command = ["lepton", "train", *words, "hydra.launcher.size=2", f"study={study}", *memory]
        monkeypatch.setattr("sys.argv", command)
        assert main() == 0
    for folder, result in results(Path("runs", "streamed")).items():
        assert result["trained"] == "stack of 2"
        assert largest_difference(Path("runs", "whole", folder.name), folder) == 0
