"""What no machine can bear is a line before anything starts."""

import pytest

from lepton import compose, train
from lepton.config.check import check
from lepton.errors import ConfigError, DataError, LeptonError
from lepton.launch.parallel import Parallel
from lepton.launch.vectorized import Vectorized

TINY = ("dataset=synthetic", "dataset.rows=40", "trainer.max_epochs=1")


@pytest.mark.parametrize(
    "override", ["trainer.threads=100000", "trainer.devices=100000", "task.calibration_bins=10**9"]
)
def test_numbers_beyond_any_machine_are_lines_of_the_check(override):
    override = override.replace("10**9", "1000000000")
    key = override.split("=")[0]
    with pytest.raises(ConfigError, match=rf"^{key}: \d+ is too large; \d+ at most$"):
        check(compose(*TINY, "model=linear", override))


def test_launchers_take_no_more_workers_and_threads_than_the_cores_bear(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    with pytest.raises(LeptonError, match=r"workers: 5000 processes on 2 CPU cores; 64 at most"):
        Parallel(workers=5000, per_gpu=1, timeout=None)
    with pytest.raises(LeptonError, match=r"threads: 5000 threads on 2 CPU cores; 64 at most"):
        Vectorized(threads=5000, size=None, workers=None)


def test_layers_and_tables_beyond_the_memory_are_lines(tmp_path):
    folder = f"runs={tmp_path}"
    with pytest.raises(ConfigError, match=r"1e\+12 weights .* take 4000 GB; this machine has"):
        train(compose(*TINY, "model=mlp", "model.hidden=[1000000,1000000]", folder))
    with pytest.raises(DataError, match=r"100000000000 rows x .* take .* GB; this machine has"):
        train(compose(*TINY, "model=linear", "dataset.rows=100000000000", folder))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
