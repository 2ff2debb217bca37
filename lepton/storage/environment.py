"""The environment a run is made in: versions of packages, commit of the code, command, machine."""

import importlib.metadata
import platform
import socket
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

RECORDED_PACKAGES = (
    *("lepton-experiments", "torch", "pytorch-lightning", "torchmetrics", "hydra-core"),
    *("omegaconf", "numpy", "pandas", "scikit-learn", "scipy", "rtdl-revisiting-models"),
    *("rtdl-num-embeddings", "tabm", "lion-pytorch", "schedulefree", "transformers"),
    *("tokenizers", "peft", "datasets", "safetensors", "skops"),
)
TRAINING_PACKAGES = ("lepton-experiments", "torch", "pytorch-lightning")


def describe_environment() -> dict[str, Any]:
    """The facts that are needed to make a run again on another machine, as plain values."""
    return {
        "command": sys.argv,
        **_describe_machine(),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def training_versions() -> dict[str, str | None]:
    """The versions of the packages that a training in progress must be resumed under."""
    return package_versions(TRAINING_PACKAGES)


def package_versions(packages: Iterable[str]) -> dict[str, str | None]:
    """The installed version of each package, None where it is not installed."""
    return {name: _version(name) for name in packages}


@cache
def _describe_machine() -> dict[str, Any]:
    import torch

    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "host": socket.gethostname(),
        "gpus": gpus,
        "packages": package_versions(RECORDED_PACKAGES),
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
        command = ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--dirty=+"]
        process = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return process.stdout.strip() or None
