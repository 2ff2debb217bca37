"""The record of the environment that a run was made in."""

import json
import platform
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

import pytest

from lepton.storage.environment import _commit, describe_environment


def test_versions_command_host_and_time_are_true():
    environment = describe_environment()
    assert environment["packages"]["torch"] == version("torch")
    assert environment["packages"]["hydra-core"] == version("hydra-core")
    for package in ("transformers", "tokenizers", "peft", "datasets", "safetensors", "skops"):
        assert package in environment["packages"]
    assert environment["packages"]["skops"] == version("skops")
    assert environment["python"] == platform.python_version()
    assert environment["host"] == platform.node()
    assert environment["command"] == sys.argv
    age = datetime.now(UTC) - datetime.fromisoformat(environment["time"])
    assert timedelta(0) <= age < timedelta(minutes=1)
    assert json.loads(json.dumps(environment)) == environment


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", folder, *identity, *arguments]
    return subprocess.run(command, capture_output=True, check=True).stdout.decode().strip()


def test_the_commit_is_that_of_the_folder_and_marked_when_files_differ(tmp_path):
    git(tmp_path, "init")
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-m", "first")
    head = git(tmp_path, "rev-parse", "HEAD")
    assert _commit(tmp_path) == head
    (tmp_path / "a").write_text("2")
    assert _commit(tmp_path) == f"{head}+"


def test_a_folder_without_git_has_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert _commit(tmp_path) is None


@pytest.mark.parametrize("error", [FileNotFoundError, subprocess.TimeoutExpired(["git"], 1)])
def test_a_machine_without_git_has_no_commit(tmp_path, monkeypatch, error):
    def fails(*_, **__):
        raise error

    monkeypatch.setattr(subprocess, "run", fails)
    assert _commit(tmp_path) is None
