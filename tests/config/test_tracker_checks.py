"""A tracker writes inside of the folder of its run, whatever its keys and links there say."""

import pytest

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.errors import ConfigError, LeptonError

RUN = ("dataset=wine", "model=linear", "logger=csv")


@pytest.mark.parametrize("key", ["name", "version"])
@pytest.mark.parametrize("place", ["../../..", "a/../../x", "/tmp/x", ".."])
def test_a_place_outside_is_refused_before_anything_is_written(here, key, place):
    with pytest.raises(ConfigError, match=f"logger.{key}: {place} leads out of the folder"):
        check(compose(*RUN, f"logger.{key}={place}"))
    assert list(here.iterdir()) == []


def test_a_place_inside_may_have_dots_in_its_name(tmp_path):
    config = check(compose(*RUN, "logger.name=v1..2/x"))
    assert build.logger(config, tmp_path).log_dir.startswith(str(tmp_path))


def test_a_link_that_leads_outside_is_refused_when_the_tracker_is_built(tmp_path):
    run, outside = tmp_path / "run", tmp_path / "outside"
    run.mkdir()
    outside.mkdir()
    (run / "csv").symlink_to(outside)
    with pytest.raises(LeptonError, match="outside of the folder of the run"):
        build.logger(check(compose(*RUN)), run)
    assert list(outside.iterdir()) == []
