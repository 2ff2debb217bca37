"""Serves a report to this machine alone, and draws it anew whenever the study's runs change."""

import hashlib
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pandas as pd

from lepton.analysis.study import UNENDED_STATUSES
from lepton.errors import LeptonError, TooAlike
from lepton.foreign_text import say

HOST = "127.0.0.1"
SHORTEST_WAIT = 2.0  # seconds between two looks at the study
WAIT_PER_LOOK = 5  # as many times what the look took, so that large studies are not read all day


class LiveServer(ThreadingHTTPServer):
    """Holds the newest page, and gives it and its version to a browser of this machine."""

    daemon_threads = True
    allow_reuse_address = False
    page, version = b"", b""

    def show(self, page: str) -> None:
        self.page = page.encode()
        self.version = hashlib.sha256(self.page).hexdigest().encode()

    def is_addressed_by(self, host: str | None) -> bool:
        """False for a name that a foreign page has pointed at this machine."""
        return host in {f"{name}:{self.server_port}" for name in (HOST, "localhost")}


class _Handler(BaseHTTPRequestHandler):
    server: LiveServer

    def do_GET(self) -> None:
        if not self.server.is_addressed_by(self.headers.get("Host")):
            self.send_error(403)
        elif self.path == "/":
            self._answer(self.server.page, "text/html; charset=utf-8")
        elif self.path == "/version":
            self._answer(self.server.version, "text/plain")
        else:
            self.send_error(404)

    def _answer(self, body: bytes, content_type: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing of each request."""


def watch(
    read: Callable[[], pd.DataFrame], render: Callable[[pd.DataFrame], str], port: int
) -> None:
    """Serves what `render` makes of the runs that `read` finds, until Ctrl-C.

    Raises: LeptonError when the port cannot be had, or the first page cannot be made.
    """
    with _server(port) as server:
        try:
            frame = _first_page(server, read, render)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            _say_once(f"http://{HOST}:{server.server_port}/ (Ctrl-C ends it)", None)
            _follow(server, read, render, _state(frame))
        except KeyboardInterrupt:
            say("No longer watched.")


def _server(port: int) -> LiveServer:
    try:
        return LiveServer((HOST, port), _Handler)
    except (OSError, OverflowError) as e:
        reason = getattr(e, "strerror", None) or e
        raise LeptonError(f"--port {port}: {reason}; --port 0 takes a free one") from None


def _first_page(
    server: LiveServer, read: Callable[[], pd.DataFrame], render: Callable[[pd.DataFrame], str]
) -> pd.DataFrame:
    """Shows the first page, and returns its runs; waits while further runs may make it possible.

    Raises: LeptonError for what no further run mends, and TooAlike where none is to come.
    """
    told = None
    while True:
        frame = read()
        try:
            server.show(render(frame))
            return frame
        except TooAlike as e:
            if not frame["status"].isin(UNENDED_STATUSES).any():
                raise
            told = _say_once(f"No page yet: {e}", told)
        time.sleep(SHORTEST_WAIT)


def _say_once(line: str, told: str | None) -> str:
    """Says a line that was not said last, also to a pipe at once; returns it."""
    if line != told:
        say(line)
        sys.stdout.flush()
    return line


def _follow(
    server: LiveServer,
    read: Callable[[], pd.DataFrame],
    render: Callable[[pd.DataFrame], str],
    shown: list[tuple[str, str]],
) -> None:
    """Looks at the study again and again; a page that cannot be made leaves the one before."""
    wait, told = SHORTEST_WAIT, None
    while True:
        time.sleep(wait)
        start = time.monotonic()
        try:
            frame = read()
            if (state := _state(frame)) != shown:
                server.show(render(frame))
                shown, told = state, None
        except LeptonError as e:
            told = _say_once(f"The page stays as it was: {e}", told)
        wait = max(SHORTEST_WAIT, WAIT_PER_LOOK * (time.monotonic() - start))


def _state(frame: pd.DataFrame) -> list[tuple[str, str]]:
    """What the page depends on: which runs there are, and how each of them stands."""
    return [*zip(frame["folder"], frame["status"], strict=True)]
