"""What training starts from: a run, a folder or a file of weights; its content as a hash.

Nothing is loaded here, so that a mistake costs no torch.
"""

import hashlib
import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from lepton.errors import LeptonError
from lepton.pretrained.location import CONFIG as ARCHITECTURE
from lepton.pretrained.location import local

RESULT, SPEC, CONFIG = "result.json", "spec.json", "config.yaml"
WEIGHTS, ADAPTER, BASE = "model.safetensors", "adapter.safetensors", "base.json"
BEGUN, ENDED = ("overrides.yaml", "environment.json"), (RESULT, "failure.json")  # of a run
SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")  # of files that hold weights


def is_run(path: Path) -> bool:
    """Whether a folder is a finished run of a network."""
    return (path / RESULT).is_file() and any((path / n).is_file() for n in (WEIGHTS, ADAPTER))


def weight_files(path: Path) -> list[Path]:
    """The files that hold what `init_from` names; empty where there are none."""
    if path.is_file():
        return [path]
    if is_run(path):
        return [path / name for name in (WEIGHTS, ADAPTER, BASE, SPEC) if (path / name).is_file()]
    return sorted(file for file in path.glob("*.safetensors") if file.is_file())


def content(path: str | Path) -> str | None:
    """The SHA-256 of the weights and, of a run, of what its columns are; None where none are."""
    files = weight_files(Path(path))
    if not files:
        return None
    if Path(path).is_file():
        return sha256(files[0])
    return _digest(files)


def _digest(files: list[Path]) -> str:
    """Of files by their names; of where a run's base lay only its content."""
    digests = [
        f"{file.name} {read_base(file)['sha256'] if file.name == BASE else sha256(file)}"
        for file in files
    ]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def base(cfg: dict[str, Any]) -> dict[str, Any]:
    """The `key` and `path` of the weights that a run starts from, and their `sha256`.

    That is None where there are none, or only a name on the hub is known of them.
    """
    if cfg["init_from"] is not None:
        path = cfg["init_from"]
        return {"key": "init_from", "path": path, "sha256": content(path)}
    path = cfg["model"].get("path") if cfg["model"].get("pretrained") else None
    return {"key": "model.path", "path": path, "sha256": _encoder(path)}


def _encoder(path: str | None) -> str | None:
    """The content of a pretrained encoder: its weights and what it is built like."""
    folder = local(path) if path else None
    if folder is None or not (folder / ARCHITECTURE).is_file():
        return None
    return _digest([folder / ARCHITECTURE, *weight_files(folder)])


def write_base(cfg: dict[str, Any], folder: Path) -> None:
    """Says in a run folder which weights the saved part belongs to, and where they lie."""
    known = base(cfg)
    path = (local(known["path"]) or Path(known["path"])).absolute()
    known |= {"absolute": str(path), "beside": os.path.relpath(path, folder.parent.absolute())}
    (folder / BASE).write_text(json.dumps(known, indent=1))


def find_base(folder: Path) -> tuple[str, str]:
    """The key and the place of the weights that a run's saved part belongs to, by their content.

    Raises: LeptonError when they are no longer there, or others.
    """
    known = read_base(folder / BASE)
    read = content if known["key"] == "init_from" else _encoder
    places = [known["path"], known["absolute"], str(folder.parent / known["beside"])]
    for place in places:
        if read(place) == known["sha256"]:
            return known["key"], place
    state = "has changed" if any(map(read, places)) else "is gone"
    raise LeptonError(
        f"{folder}: holds an adapter for {known['key']}={known['path']}, which {state}; put the "
        f"weights of SHA-256 {known['sha256'][:12]}... there, or train with finetune.keep=whole"
    )


def read_base(path: Path) -> dict[str, Any]:
    """What `write_base` wrote.

    Raises: LeptonError when the file is not whole.
    """
    try:
        found = json.loads(path.read_text())
        return {key: found[key] for key in ("key", "path", "sha256", "absolute", "beside")}
    except (OSError, ValueError, TypeError, KeyError):
        raise LeptonError(f"{path}: not what lepton wrote; train the run again") from None


def sha256(path: Path) -> str:
    """The SHA-256 of a file, read anew when it has changed."""
    stat = path.stat()
    return _sha256(path.absolute(), stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=64)
def _sha256(path: Path, modified: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def missing(init_from: str) -> str | None:
    """Why `init_from` cannot be started from, in a line; None where it can."""
    if not init_from:
        return "init_from: is empty; give a run, folder or file, or null"
    path = Path(init_from)
    if path.is_file():
        known = ", ".join(SUFFIXES)
        wrong = path.suffix not in SUFFIXES
        return f"init_from: {init_from}: not a file of weights ({known})" if wrong else None
    if not path.is_dir():
        return f"init_from: no such run, folder or file {init_from!r} (looked in {Path.cwd()})"
    if (path / RESULT).is_file() and not is_run(path):
        return f"init_from: {init_from}: a run without a network to start from"
    if all((path / n).is_file() for n in BEGUN) and not any((path / n).is_file() for n in ENDED):
        return f"init_from: {init_from}: a run that is not finished; it has no {RESULT}"
    if not weight_files(path):
        return f"init_from: {init_from}: neither a finished run nor a folder with *.safetensors"
    return None
