"""What `init_from` names: a run, a Hugging Face folder or a file of weights; its content as a hash.

Nothing is loaded here, so that a mistake costs no torch.
"""

import hashlib
from functools import lru_cache
from pathlib import Path

RESULT, SPEC, CONFIG = "result.json", "spec.json", "config.yaml"
WEIGHTS, ADAPTER, BASE = "model.safetensors", "adapter.safetensors", "base.json"
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
    return sorted(path.glob("*.safetensors"))


def content(path: str | Path) -> str | None:
    """The SHA-256 of the weights and, of a run, of what its columns are; None where none are."""
    files = weight_files(Path(path))
    if not files:
        return None
    if Path(path).is_file():
        return sha256(files[0])
    digests = [f"{file.name} {sha256(file)}" for file in files]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


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
    path = Path(init_from)
    if path.is_file():
        known = ", ".join(SUFFIXES)
        wrong = path.suffix not in SUFFIXES
        return f"init_from: {init_from}: not a file of weights ({known})" if wrong else None
    if not path.is_dir():
        return f"init_from: no such run, folder or file {init_from!r} (looked in {Path.cwd()})"
    if (path / RESULT).is_file() and not is_run(path):
        return f"init_from: {init_from}: a run without a network to start from"
    if not weight_files(path):
        return f"init_from: {init_from}: neither a finished run nor a folder with *.safetensors"
    return None
