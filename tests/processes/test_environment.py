"""The environment of a process: taken over whole on this machine, added to another machine's."""

import os
import pickle
import sys
from pathlib import Path

import pytest

from lepton.processes.environment import ProcessEnvironment, exported_python_path


@pytest.fixture
def process_of_lepton(here, monkeypatch):
    """This process with two variables, one of them lepton's, and a Python path of two entries."""
    monkeypatch.setattr(os, "environ", {"HOME": "/home/me", "LEPTON_CACHE": "/cache"})
    monkeypatch.setattr(sys, "path", ["", "/modules"])
    return here


def become_other_process(monkeypatch, here):
    """Makes this process another one, as it is before it takes an environment over."""
    monkeypatch.setattr(os, "environ", {"HOME": "/home/you"})
    monkeypatch.setattr(sys, "path", ["/theirs", "/modules"])
    monkeypatch.chdir(here.parent)


def variables():
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}


def test_a_worker_takes_all_over_and_keeps_nothing_of_its_own(process_of_lepton, monkeypatch):
    environment = pickle.loads(pickle.dumps(ProcessEnvironment.of_this_process(GPU="1")))
    become_other_process(monkeypatch, process_of_lepton)
    environment.take_over()
    assert variables() == {"HOME": "/home/me", "LEPTON_CACHE": "/cache", "GPU": "1"}
    assert sys.path == [str(process_of_lepton), "/modules"]
    assert Path.cwd() == process_of_lepton


def test_another_machine_gets_leptons_variables_and_keeps_its_own_ones_and_path(
    process_of_lepton, monkeypatch
):
    environment = pickle.loads(pickle.dumps(ProcessEnvironment.for_other_machines()))
    become_other_process(monkeypatch, process_of_lepton)
    environment.add()
    assert variables() == {"HOME": "/home/you", "LEPTON_CACHE": "/cache"}
    assert sys.path == ["/theirs", "/modules", str(process_of_lepton)]
    assert Path.cwd() == process_of_lepton


@pytest.mark.parametrize("before", [{}, {"PYTHONPATH": "/mine"}])
def test_the_python_path_is_exported_for_a_while(process_of_lepton, monkeypatch, before):
    monkeypatch.setattr(os, "environ", dict(before))
    with exported_python_path():
        assert os.environ["PYTHONPATH"] == os.pathsep.join([str(process_of_lepton), "/modules"])
    assert variables() == before
