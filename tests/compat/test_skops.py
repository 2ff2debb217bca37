"""Canaries for the private parts of skops: the archive that it writes is lepton's."""

import time
import zipfile

import numpy as np
import pytest
import skops.io
from sklearn.preprocessing import StandardScaler


def test_an_archive_is_written_on_any_clock_and_read_by_skops(canary, tmp_path, monkeypatch):
    with canary("skops", "a name that lepton.compat.skops imports"):
        from lepton.compat.skops import dump
    path, scaler = tmp_path / "scaler.skops", StandardScaler().fit(np.arange(6.0).reshape(3, 2))
    for seconds in (5.0, 5e9):  # in 1970, and in a year that zip does not know either
        monkeypatch.setattr(time, "time", lambda seconds=seconds: seconds)
        with canary("skops", "the class of its archive"):
            dump({"scaler": scaler, "words": ["a", "b"]}, path)
        state = skops.io.load(path)
        np.testing.assert_array_equal(state["scaler"].mean_, [2.0, 3.0])
        assert state["words"] == ["a", "b"]
        with zipfile.ZipFile(path) as archive:
            assert {info.date_time[0] for info in archive.infolist()} == {1980}
            assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}


def test_types_that_skops_does_not_trust_are_refused_as_ever(tmp_path):
    from lepton.compat.skops import dump

    class Unknown:
        pass

    dump({"x": Unknown()}, tmp_path / "x.skops")
    with pytest.raises(TypeError, match="Untrusted"):
        skops.io.load(tmp_path / "x.skops")
