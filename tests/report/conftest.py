"""A study of real runs, made once, and a browser."""

import itertools
import json
import os
import shutil
import subprocess

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WINE = ("dataset=german_credit", "trainer.max_epochs=3")


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """runs/small: two models over three seeds, a failed run, a planned one, a damaged one."""
    from lepton import train
    from tests.quick import compose

    here = tmp_path_factory.mktemp("study")
    before = os.getcwd()
    os.chdir(here)
    try:
        for seed in range(3):
            train(compose(*WINE, "model=mlp_small", f"seed={seed}", "study=small"))
            boosting = ("model=gradient_boosting", "model.max_iter=5")
            train(compose(*WINE, *boosting, f"seed={seed}", "study=small"))
    finally:
        os.chdir(before)
    study = here / "runs" / "small"
    failed = study / "german_credit-linear-s0-0.failed"
    failed.mkdir()
    known = {"run": "german_credit-linear-s0-0", "error": "ValueError: <no> luck", "traceback": ""}
    (failed / "failure.json").write_text(json.dumps(known))
    (study / "damaged").mkdir()
    (study / "damaged" / "result.json").write_text("{")
    plan = {"runs": {"german_credit-resnet-s0-1": "model=resnet seed=0"}}
    (study / "sweep.json").write_text(json.dumps(plan))
    return study


@pytest.fixture
def study(trained, here):
    """A copy of the study in a folder of its own."""
    shutil.copytree(trained, here / "runs" / "small")
    return here / "runs" / "small"


class Browser:
    """Headless Chromium, spoken to through a pipe with its own protocol."""

    def __init__(self, program, profile):
        self.numbers, self.events = itertools.count(1), []
        (read, self.to), (self.back, write) = os.pipe(), os.pipe()
        words = [
            *(program, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"),
            *(f"--user-data-dir={profile}", "--no-first-run", "about:blank"),
        ]
        line = f'exec "$0" "$@" 3<&{read} 4>&{write}'
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(
            ["bash", "-c", line, *words], pass_fds=(read, write), **quiet
        )
        for end in (read, write):
            os.close(end)
        self.rest, self.session = b"", None
        target = self.say("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.say("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.say(f"{domain}.enable")

    def say(self, method, **params):
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            heard = self._hear()
            if heard.get("id") == number:
                assert "error" not in heard, heard
                return heard["result"]
            self.events.append(heard)

    def _hear(self):
        while b"\0" not in self.rest:
            part = os.read(self.back, 1 << 16)
            assert part, "the browser has gone"
            self.rest += part
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)

    def open(self, page, *, width=1200, height=900, scheme="light"):
        self.events.clear()
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.say("Emulation.setDeviceMetricsOverride", **size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.say("Emulation.setEmulatedMedia", features=features)
        self.say("Page.navigate", url=page.as_uri())
        while not any(e.get("method") == "Page.loadEventFired" for e in self.events):
            self.events.append(self._hear())

    def ask(self, expression):
        """The value of an expression in the page."""
        found = self.say("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def press(self, key, code):
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            more = {"key": key, "code": key, "windowsVirtualKeyCode": code}
            self.say(
                "Input.dispatchKeyEvent", type=kind, **more, **(text if kind == "keyDown" else {})
            )

    def complaints(self):
        """What the page's console heard."""
        kinds = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [event for event in self.events if event.get("method") in kinds]

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.to)
        os.close(self.back)


@pytest.fixture
def browser(tmp_path):
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    found = Browser(program, tmp_path / "profile")
    yield found
    found.close()
