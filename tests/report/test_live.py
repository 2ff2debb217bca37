"""`lepton report STUDY --watch` serves the page to this machine, and draws it anew."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pandas as pd
import pytest

from lepton.commands.report import main as report_command
from lepton.errors import LeptonError, TooAlike
from lepton.report import live

ROOT = Path(__file__).parents[2]


def test_a_taken_port_is_a_line(study):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LeptonError, match=f"--port {port}: .*; --port 0 takes a free one"):
            report_command([str(study), "--watch", "--port", str(port)])


@pytest.fixture
def watched(study):
    """The address of the study's page and the process that serves it."""
    command = [sys.executable, "-m", "lepton", "report", "small", "--watch"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, env=environment, **pipes) as process:
        line = process.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+/", line)
        assert address, line
        yield address[0], process
        process.kill()


def read(address: str, **headers: str) -> str:
    with urlopen(Request(address, headers=headers), timeout=10) as answer:
        return answer.read().decode()


@pytest.mark.slow
def test_the_page_follows_the_study_and_ctrl_c_ends_it_with_a_line(study, here, watched):
    address, process = watched
    page, version = read(address), read(f"{address}version")
    assert "1 failed" in page
    assert "--watch" not in page
    shutil.rmtree(next(study.glob("*.failed")))
    deadline = time.monotonic() + 60
    while read(f"{address}version") == version:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert "1 failed" not in read(address)
    for wrong, code, headers in (
        ("report.md", 404, {}),
        ("../runs/small/sweep.json", 404, {}),
        ("", 403, {"Host": "foreign.example"}),
    ):
        with pytest.raises(HTTPError) as error:
            read(address + wrong, **headers)
        assert error.value.code == code
        error.value.close()
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[0] == "No longer watched.\n"
    assert process.returncode == 0
    assert not (here / "reports").exists()


@pytest.mark.parametrize("to_come", ["running", "missing"])
def test_the_first_page_waits_for_runs_that_are_to_come_and_says_why(capsys, monkeypatch, to_come):
    monkeypatch.setattr(live, "SHORTEST_WAIT", 0.0)
    frames = [
        pd.DataFrame({"status": ["finished", to_come]}),
        pd.DataFrame({"status": ["finished", to_come]}),
        pd.DataFrame({"status": ["finished", "finished"]}),
    ]
    looks, reads = iter(frames), []

    def page_of(frame):
        reads.append(frame)
        if frame["status"].iloc[-1] != "finished":
            raise TooAlike("--compare model: one model so far")
        return "a page"

    with live.LiveServer((live.HOST, 0), live._Handler) as server:
        assert live._first_page(server, lambda: next(looks), page_of) is frames[-1]
        assert server.page == b"a page"
    assert len(reads) == 3
    assert capsys.readouterr().out == "No page yet: --compare model: one model so far\n"


@pytest.mark.parametrize(
    ("status", "error"),
    [("missing", LeptonError("no such setting")), ("failed", TooAlike("alike"))],
)
def test_what_no_run_to_come_mends_is_refused_at_once(status, error):
    def page_of(_):
        raise error

    frame = pd.DataFrame({"status": ["finished", status]})
    with (
        live.LiveServer((live.HOST, 0), live._Handler) as server,
        pytest.raises(LeptonError) as raised,
    ):
        live._first_page(server, lambda: frame, page_of)
    assert raised.value is error
