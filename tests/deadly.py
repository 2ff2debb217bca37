"""A model whose runs die on request, and a check that a process has ended."""

import time
from pathlib import Path

import pytest

MODEL = '''"""A user's model that does what the file named like its seed says, when there is one."""

import ctypes
import os
import signal
import subprocess
import time
from pathlib import Path
from weakref import WeakKeyDictionary

from torch import nn

UNTRAINED = WeakKeyDictionary()  # the seed of each, until its first batch of a training


def hang():
    child = subprocess.Popen(["sleep", "600"])
    Path("pids").write_text(f"{os.getpid()} {child.pid}")
    time.sleep(600)


def memory():
    raise MemoryError("no room")


def full():
    raise OSError(28, os.strerror(28))


DEATHS = {
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "segfault": lambda: ctypes.string_at(0),
    "exit": lambda: os._exit(3),
    "quiet": lambda: os._exit(0),
    "memory": memory,
    "full": full,
    "hang": hang,
    "speak": lambda: (print("half a", end=" "), print("line"), os.system("echo from below")),
    "nap": lambda: time.sleep(0.3),
    "where": lambda: Path("where").write_text(f"{os.getcwd()} {os.environ.get('TOLD')}"),
}


class Deadly(nn.Module):
    def __init__(self, *, spec, draw: int):
        super().__init__()
        instruction = Path("trap", str(draw))
        if instruction.exists():
            UNTRAINED[self] = draw
            with open("tries", "a") as tries:
                print(draw, file=tries)
            death, _, once = instruction.read_text().partition(" ")
            if once == "once":
                instruction.unlink()
            elif once:
                instruction.write_text(f"{death} once")
            DEATHS[death]()
        self.layer = nn.Linear(len(spec.num_features), spec.outputs)

    def forward(self, batch):
        if self.training and self in UNTRAINED:
            with open("trained", "a") as trained:
                print(UNTRAINED.pop(self), file=trained)
        return self.layer(batch["num"])
'''
OPTION = """# Does what the file named like the seed says.
_target_: deadly.Deadly
draw: ${seed}    # the run's seed
"""


@pytest.fixture
def trap(here, monkeypatch):
    """Tells the run of a seed how to die: trap(2, "kill"), or "kill once", or "kill twice"."""
    (here / "deadly.py").write_text(MODEL)
    (here / "conf" / "model").mkdir(parents=True)
    (here / "conf" / "model" / "deadly.yaml").write_text(OPTION)
    (here / "trap").mkdir()
    monkeypatch.setenv("LEPTON_ALLOW", "deadly")
    monkeypatch.syspath_prepend(str(here))
    return lambda seed, death: (here / "trap" / str(seed)).write_text(death)


@pytest.fixture
def has_ended():
    """True for a process that has ended, or does within seconds: pid -> bool."""

    def has_ended(pid):
        for _ in range(100):
            try:
                state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                return True
            if state == "Z":
                return True
            time.sleep(0.1)
        return False

    return has_ended
