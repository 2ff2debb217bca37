from pathlib import Path

import pytest

from lepton import build, compose
from lepton.config.check import check
from lepton.errors import LeptonError
from lepton.logger.make import make_tracker
from lepton.logger.tracked_run import TrackedRun


def test_a_tracker_that_is_not_installed_names_the_extra(tmp_path, monkeypatch):
    node = check(compose("logger=csv"))["logger"]["csv"]
    run = TrackedRun(tmp_path, {})
    assert Path(make_tracker(node, "logger=csv", run, tmp_path).log_dir) == tmp_path / "csv"

    def absent(*_, **__):
        raise ModuleNotFoundError("no tracker here")

    monkeypatch.setattr(build, "instantiate", absent)
    with pytest.raises(LeptonError, match=r"logger=csv: no tracker here; pip install .*\[track\]"):
        make_tracker(node, "logger=csv", run, tmp_path)
