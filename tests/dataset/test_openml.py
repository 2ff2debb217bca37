import socket
import time
from urllib.error import URLError

import pandas as pd
import pytest
from sklearn.utils import Bunch

from lepton.dataset import openml
from lepton.errors import DataError
from tests.quick import quick

FETCH_OPTIONS = {"name": "adult", "version": None, "data_id": None, "cache": None, "timeout": 2.0}


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise OSError("network is off")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def answer(monkeypatch):
    """Lets `fetch_openml` return a set with these targets; returns the queries that it gets."""
    queries = []

    def respond(*targets):
        frame = pd.DataFrame({"a": [1, 2], "b": [3, 4], "c": ["x", "y"]})

        def fetch_openml(**query):
            queries.append(query)
            return Bunch(frame=frame, target_names=list(targets))

        monkeypatch.setattr(openml, "fetch_openml", fetch_openml)
        return queries

    return respond


@pytest.mark.parametrize("changes", quick([{}, {"name": None, "data_id": 1590}], {}))
def test_without_a_network_it_says_so_in_seconds(changes, no_network, tmp_path):
    start = time.monotonic()
    with pytest.raises(DataError, match=r"needs a network.*network is off.*dataset=csv"):
        openml.fetch_table(**FETCH_OPTIONS | {"cache": str(tmp_path)} | changes)
    assert time.monotonic() - start < 10
    assert socket.getdefaulttimeout() is None


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (URLError("no route"), r"needs a network.*\(no route\)"),
        (TimeoutError("timed out"), r"needs a network.*timed out"),
        (ValueError("No known data set\nmatches"), "No known data set matches"),
    ],
)
def test_a_set_that_does_not_come_is_one_line(error, message, monkeypatch):
    def fail(**_):
        raise error

    monkeypatch.setattr(openml, "fetch_openml", fail)
    with pytest.raises(DataError, match=message):
        openml.fetch_table(**FETCH_OPTIONS)


@pytest.mark.parametrize("changes", [{"data_id": 1590}, {"name": None}])
def test_name_and_number_together_or_neither_are_refused(changes):
    with pytest.raises(DataError, match="either"):
        openml.fetch_table(**FETCH_OPTIONS | changes)


def test_the_set_s_own_target_is_taken_when_none_is_given(answer, open_dataset):
    queries = answer("c")
    data = open_dataset("openml", data_id=1590)
    frame, _ = data.read()
    assert (list(frame), data.target) == (["a", "b", "c"], "c")
    assert queries[0]["data_id"] == 1590
    assert "name" not in queries[0]


def test_a_given_target_wins_over_the_set_s_own(answer, open_dataset):
    answer("c")
    data = open_dataset("openml", name="adult", target="a")
    data.read()
    assert data.target == "a"


def test_a_set_without_a_target_asks_for_one(answer, open_dataset):
    answer()
    with pytest.raises(DataError, match=r"dataset\.target"):
        open_dataset("openml", name="adult").read()
