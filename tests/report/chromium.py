"""Headless Chromium for tests, driven through a pipe by its DevTools protocol."""

import itertools
import json
import os
import subprocess
from pathlib import Path
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CONSOLE_EVENTS = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")


class Chromium:
    """One page of a browser, to open files in and to ask about them."""

    def __init__(self, program: str, profile: Path) -> None:
        self.message_numbers, self.events = itertools.count(1), []
        (read_end, self.write_fd), (self.read_fd, write_end) = os.pipe(), os.pipe()
        command = [
            *(program, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"),
            *(f"--user-data-dir={profile}", "--no-first-run", "about:blank"),
        ]
        script = f'exec "$0" "$@" 3<&{read_end} 4>&{write_end}'
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(
            ["bash", "-c", script, *command], pass_fds=(read_end, write_end), **quiet
        )
        for end in (read_end, write_end):
            os.close(end)
        self.unread, self.session = b"", None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = session["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of a method of the protocol; events that come before it are kept."""
        number = next(self.message_numbers)
        message = {"id": number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write_fd, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self.unread:
            chunk = os.read(self.read_fd, 1 << 16)
            assert chunk, "the browser has gone"
            self.unread += chunk
        message, _, self.unread = self.unread.partition(b"\0")
        return json.loads(message)

    def open(
        self, page: Path, *, width: int = 1200, height: int = 900, scheme: str = "light"
    ) -> None:
        """Opens a file in a window of this size, and waits until it is loaded."""
        self.events.clear()
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)
        self.call("Page.navigate", url=page.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._receive())

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key: str, code: int) -> None:
        text = {"text": "\r"} if key == "Enter" else {}
        event = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", **event, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **event)

    def console_events(self) -> list[dict[str, Any]]:
        """Messages and errors in the page's console since it was opened."""
        return [event for event in self.events if event.get("method") in CONSOLE_EVENTS]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.write_fd)
        os.close(self.read_fd)
