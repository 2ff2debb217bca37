"""A tracker writes inside of the folder of its run, whatever its keys and links there say."""

import pytest

from lepton.config.check import check
from lepton.config.compose import compose
from lepton.errors import ConfigError, LeptonError
from lepton.training.tracker import build_trackers

RUN = ("dataset=wine", "model=linear", "logger=csv")


@pytest.mark.parametrize("key", ["name", "version"])
@pytest.mark.parametrize("place", ["../../..", "a/../../x", "/tmp/x", ".."])
def test_a_place_outside_is_refused_before_anything_is_written(here, key, place):
    with pytest.raises(ConfigError, match=f"logger.csv.{key}: {place} leads out of the folder"):
        check(compose(*RUN, f"logger.csv.{key}={place}"))
    assert list(here.iterdir()) == []


def test_a_place_inside_may_have_dots_in_its_name(tmp_path):
    config = check(compose(*RUN, "logger.csv.name=v1..2/x"))
    [tracker] = build_trackers(config, tmp_path)
    assert tracker.log_dir.startswith(str(tmp_path))


def test_a_link_that_leads_outside_is_refused_when_the_tracker_is_built(tmp_path):
    run, outside = tmp_path / "run", tmp_path / "outside"
    run.mkdir()
    outside.mkdir()
    (run / "csv").symlink_to(outside)
    with pytest.raises(LeptonError, match="outside of the folder of the run"):
        build_trackers(check(compose(*RUN)), run)
    assert list(outside.iterdir()) == []


def test_a_key_that_lacks_the_name_of_its_option_is_told_where_it_stands():
    with pytest.raises(ConfigError, match=r"logger.name: is a key of its option: logger.csv.name"):
        check(compose(*RUN, "logger.name=x"))
