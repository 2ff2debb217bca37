"""Where a run was made: versions, code, command, machine."""

import importlib.metadata
import platform
import socket
import subprocess
import sys
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

PACKAGES = (
    *("lepton-experiments", "torch", "pytorch-lightning", "torchmetrics", "hydra-core"),
    *("omegaconf", "numpy", "pandas", "scikit-learn", "scipy", "rtdl-revisiting-models"),
    *("rtdl-num-embeddings", "tabm", "lion-pytorch", "schedulefree"),
)
TRAINING = ("lepton-experiments", "torch", "pytorch-lightning")


def environment() -> dict[str, Any]:
    """What is needed to make a run again on another machine, as plain values."""
    return {
        "command": sys.argv,
        **_machine(),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def versions() -> dict[str, str | None]:
    """Of what a training in progress must not change: resumed under another, it is another one."""
    return {name: _version(name) for name in TRAINING}


@cache
def _machine() -> dict[str, Any]:
    import torch

    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "host": socket.gethostname(),
        "gpus": gpus,
        "packages": {name: _version(name) for name in PACKAGES},
        "git": {"lepton": _commit(Path(__file__).parent), "working_directory": _commit(Path.cwd())},
    }


@cache
def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit(folder: Path) -> str | None:
    """The commit checked out in a folder, with + when files differ from it."""
    try:
        words = ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--dirty=+"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
