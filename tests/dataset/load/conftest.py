import pytest

from lepton import compose, train
from lepton.storage.results import finished_result


@pytest.fixture
def trained_both_ways(tmp_path):
    """Trains in memory and on streamed rows, which gives one run: its name, scores, and files."""

    def trained_both_ways(*overrides, same):
        folders = []
        for memory in ("null", "0"):
            setting = (f"runs={tmp_path / memory}", f"dataset.memory_gb={memory}")
            cfg = compose(*overrides, *setting, "trainer.max_epochs=2", "batch_size=16")
            folders.append(tmp_path / memory / "default" / train(cfg).run)
        assert folders[0].name == folders[1].name
        for name in same:
            assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
        assert finished_result(folders[0]).metrics == finished_result(folders[1]).metrics
        return folders

    return trained_both_ways
