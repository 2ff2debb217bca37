"""The files that hold weights, of a run, a folder or a single one, and their content as a hash.

Nothing is loaded here, so that a mistake costs no torch.
"""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from lepton.errors import Damaged
from lepton.storage.digests import sha256_of
from lepton.storage.run_files import read_run_json
from lepton.storage.run_folder import RESULT_FILE, SPEC_FILE

WEIGHTS_FILE, ADAPTER_FILE, BASE_FILE = "model.safetensors", "adapter.safetensors", "base.json"
OWN_MODEL_FILES = ("model.*", "adapter.*", "module.*")  # of a run that holds a model of any kind
BASE_KEYS = ("key", "path", "sha256", "absolute", "beside")


def is_network_run(path: Path) -> bool:
    """True for the folder of a finished run of a network."""
    has_weights = any((path / name).is_file() for name in (WEIGHTS_FILE, ADAPTER_FILE))
    return has_weights and (path / RESULT_FILE).is_file()


def own_model_files(run_folder: Path) -> list[Path]:
    """The files with what a run's own model learned; none where it predicts through other runs."""
    paths = [path for pattern in OWN_MODEL_FILES for path in run_folder.glob(pattern)]
    return [path for path in paths if path.is_file()]


def weight_files(path: Path) -> list[Path]:
    """The files that hold the weights of a run, a folder or a file; empty where there are none."""
    if path.is_file():
        return [path]
    if is_network_run(path):
        files = [path / name for name in (WEIGHTS_FILE, ADAPTER_FILE, BASE_FILE, SPEC_FILE)]
        return [file for file in files if file.is_file()]
    return sorted(file for file in path.glob("*.safetensors") if file.is_file())


def weights_digest(path: str | Path) -> str | None:
    """The SHA-256 of the weights and, of a run, of what its columns are; None where none are."""
    files = weight_files(Path(path))
    if not files:
        return None
    return file_sha256(files[0]) if Path(path).is_file() else files_digest(files)


def files_digest(files: list[Path]) -> str:
    """The SHA-256 of files and their names; of a run's base only of its content, not its place."""
    lines = [
        f"{file.name} "
        f"{read_adapter_base(file)['sha256'] if file.name == BASE_FILE else file_sha256(file)}"
        for file in files
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def read_adapter_base(path: Path) -> dict[str, Any]:
    """The contents of a base.json, which `write_adapter_base` wrote.

    Raises: LeptonError when the file is not whole.
    """
    try:
        contents = read_run_json(path.parent, path.name)
        return {key: contents[key] for key in BASE_KEYS}
    except Damaged as e:
        raise Damaged(f"{e}; train the run again") from None
    except (OSError, ValueError, TypeError, KeyError):
        raise Damaged(f"{path}: not what lepton wrote; train the run again") from None


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, read anew when it has changed."""
    stat = path.stat()
    return _file_sha256(path.absolute(), stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=64)
def _file_sha256(path: Path, modified: int, size: int) -> str:
    return sha256_of(path)
