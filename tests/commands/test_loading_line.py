"""While torch is loaded a terminal shows so; nothing of it stays, and a file gets none of it."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINE = "loading torch\r             \r"
PROGRAM = """
import sys
from lepton.commands.loading_line import announce_slow_import
announce_slow_import()
try:
    import torch
    import torch
    sys.stderr.write(f"{torch.__spec__.loader.__class__.__name__} {torch.value}")
except ImportError as e:
    sys.stderr.write(str(e))
"""


def said(folder, *, terminal):
    """What the program writes on standard error, with modules of this folder first."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    command = [sys.executable, "-c", PROGRAM]
    if not terminal:
        done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, check=True)
        return done.stderr.decode()
    reader, writer = pty.openpty()
    subprocess.run(command, env=environment, stderr=writer, check=True)
    os.close(writer)
    with open(reader, "rb", buffering=0) as screen:
        return screen.read(10_000).decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "told"),
    [("value = 3", "SourceFileLoader 3"), ("raise ImportError('no libc')", "no libc")],
)
def test_the_line_stands_while_torch_is_loaded_and_goes(tmp_path, code, told):
    (tmp_path / "torch.py").write_text(code)
    assert said(tmp_path, terminal=True) == LINE + told
    assert said(tmp_path, terminal=False) == told


def shown_by(*words, here):
    """What a command writes on a terminal that is its standard error."""
    reader, writer = pty.openpty()
    command = [sys.executable, "-m", "lepton", *words]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run(
        command, env=environment, cwd=here, stderr=writer, stdout=subprocess.DEVNULL, check=False
    )
    os.close(writer)
    shown = b""
    with open(reader, "rb", buffering=0) as screen:
        while part := _read(screen):
            shown += part
    return shown.decode()


def _read(screen):
    try:
        return screen.read(10_000)
    except OSError:  # the terminal is closed at its other end
        return b""


@pytest.mark.slow
def test_a_command_says_at_once_that_it_loads_and_takes_it_back_before_it_says_more(tmp_path):
    shown = shown_by("train", "model.widht=3", here=tmp_path)
    line = "lepton train: loading"
    assert shown.startswith(f"{line}\r{' ' * len(line)}\rlepton: model.widht")
    assert shown.count("loading") == 1


@pytest.mark.parametrize("words", [("list", "model/mlp"), ("train", "--help"), ("--version",)])
def test_a_command_that_answers_at_once_has_no_line(tmp_path, words):
    assert shown_by(*words, here=tmp_path) == ""
