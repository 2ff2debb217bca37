"""Pages played from top to bottom in an empty folder, and what they show held to what comes."""

import glob
import math
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(\w*)(?: ([\w/.]+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
RUN_ID = re.compile(r"-[0-9a-f]{10}\b")


def play(page, folder, command):
    """Plays a page: files are written, shell is run; yields each output shown, and what came.

    `command` runs one of lepton's, as the fixture does. Blocks of `sh` are for a reader alone.
    """
    shell, made = Shell(folder, command), ""
    for kind, name, body in BLOCK.findall(page):
        if name:
            (shell.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (shell.folder / name).write_text(body)
        elif kind == "bash":
            made = "".join(map(shell.run, lines(body)))
        elif kind in ("", "text"):
            yield body, made


def lines(body):
    """The commands of a shell block, each on one line."""
    joined = body.replace("\\\n", " ").splitlines()
    return [line for line in joined if line.strip() and not line.startswith("#")]


class Shell:
    """A working folder and what is run in it; commands of lepton share the imports of a server."""

    def __init__(self, folder, command):
        self.folder, self.command = Path(folder), command
        self.bin = Path(folder) / ".bin"
        self.bin.mkdir()
        for name, module in (("python", ""), ("pytest", "-m pytest")):
            (self.bin / name).write_text(f'#!/bin/sh\nexec {sys.executable} {module} "$@"\n')
            (self.bin / name).chmod(0o755)

    def run(self, line):
        """The output of a command, which must succeed."""
        words = shlex.split(line, comments=True)
        if words[0] == "cd":
            self.folder /= words[1]
            return ""
        if words[0] == "lepton":
            found = [sorted(glob.glob(word, root_dir=self.folder)) or [word] for word in words[1:]]
            code, out = self.command(
                *(word for group in found for word in group), folder=self.folder
            )
        else:
            path = f"{self.bin}:{os.environ['PATH']}"
            process = subprocess.run(
                ["bash", "-ec", line],
                cwd=self.folder,
                env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            code, out = process.returncode, process.stdout
        assert code == 0, f"{line}\n{out}"
        return out


def not_made(shown, made):
    """The lines that are shown and that no line of an output resembles; `...` leaves some out.

    Words are equal, and numbers nearly so: another machine rounds otherwise.
    """
    candidates = {}
    for line in made.splitlines():
        candidates.setdefault(words_of(line), []).append(numbers_of(line))
    return [
        line
        for line in shown.splitlines()
        if line.strip() not in ("", "...")
        and not any(
            all(map(nearly, numbers_of(line), numbers))
            for numbers in candidates.get(words_of(line), [])
        )
    ]


def words_of(line):
    return " ".join(NUMBER.sub("#", RUN_ID.sub("-ID", line)).split())


def numbers_of(line):
    return [float(number) for number in NUMBER.findall(RUN_ID.sub("-ID", line))]


def nearly(one, other):
    return math.isclose(one, other, rel_tol=0.05, abs_tol=0.05)
