"""The entries of the cache on disk: where they lie, what they are, how they are written and read.

`KIND/ENTRY` is a file that begins with the digest of the rest, or a folder of arrays whose
`facts.json` does, and tells the digests of its other files. An entry is there whole or not at all.
Entries were last used when the file, or the folder's lock, was last changed.
"""

import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lepton.errors import Damaged
from lepton.storage.cache_locks import LOCK_FILE, UNFINISHED, remove_if_unused
from lepton.storage.regular_files import open_regular

FOLDER_VARIABLE = "LEPTON_CACHE"
FACTS_FILE = "facts.json"
FILE_NAME = re.compile(r"[0-9a-f]{32}(\.[a-z]+)?")
FOLDER_NAME = re.compile(r"[0-9a-f]{16}-[0-9a-f]{16,32}")
UNFINISHED_NAME = re.compile(re.escape(UNFINISHED) + "[a-z0-9_]{8}")
HEAD = re.compile(rb"[0-9a-f]{64}\n")
HEAD_BYTES = 65


@dataclass(frozen=True)
class CacheEntry:
    """What lies under one name of the cache; `is_unfinished`: being written, or left by a process
    that was killed.

    Units: `bytes` on the disk; `used`, seconds since 1970.
    """

    kind: str
    path: Path
    bytes: int
    used: float
    is_unfinished: bool

    def remove(self) -> bool:
        """Removes it; False where a process uses it, or the system does not allow it."""
        if self.is_unfinished or self.path.is_dir():
            return remove_if_unused(self.path)
        try:
            self.path.unlink(missing_ok=True)  # who reads it has opened it already
        except OSError:
            return False
        return True


def cache_folder() -> Path:
    """The folder named by the environment's LEPTON_CACHE, or lepton's in the user's cache."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder:
        return Path(folder).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lepton"


def cache_entries() -> list[CacheEntry]:
    """All entries, the longest unused first; files of others in the folder are none."""
    entries = []
    for kind in _listed(cache_folder()):
        if kind.is_dir(follow_symlinks=False):
            entries += [e for e in map(_entry, _listed(Path(kind.path))) if e is not None]
    return sorted(entries, key=lambda entry: (entry.used, entry.path))


def write_entry(path: Path, content: bytes) -> int:
    """Puts a file with its digest in place whole, whoever else writes the same one now; returns the
    bytes that it takes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=UNFINISHED, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            mark_as_written(file.fileno())
            file.write(hashlib.sha256(content).hexdigest().encode() + b"\n")
            file.write(content)
            file.flush()
            os.replace(temporary, path)
        return HEAD_BYTES + len(content)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_entry(path: Path) -> bytes:
    """What was written into a file, which counts as used now.

    Raises: OSError where there is none; Damaged when it is not what was written.
    """
    with open_regular(path.parent, path.name) as file:
        digest, content = file.read(HEAD_BYTES), file.read()
    if hashlib.sha256(content).hexdigest().encode() + b"\n" != digest:
        raise Damaged("its SHA-256 is not the one it was written with")
    with suppress(OSError):  # of another user, say
        os.utime(path)
    return content


def mark_as_written(descriptor: int) -> None:
    """Tells that a file without a name of its own yet is not one that a killed process left."""
    with suppress(OSError):  # not on every network file system
        fcntl.flock(descriptor, fcntl.LOCK_SH)


def _listed(folder: Path) -> Iterator[os.DirEntry[str]]:
    """What lies in a folder; nothing where it cannot be read."""
    with suppress(OSError), os.scandir(folder) as listed:
        yield from listed


def _entry(listed: os.DirEntry[str]) -> CacheEntry | None:
    """What lepton has written under a name of a kind; None for what it has not, or is gone."""
    path = Path(listed.path)
    is_unfinished = UNFINISHED_NAME.fullmatch(path.name) is not None
    try:
        status = listed.stat(follow_symlinks=False)
        if listed.is_dir(follow_symlinks=False):
            if not is_unfinished and not FOLDER_NAME.fullmatch(path.name):
                return None
            if not is_unfinished or (path / LOCK_FILE).exists():
                status = (path / LOCK_FILE).stat()
            size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        elif listed.is_file(follow_symlinks=False):
            if not is_unfinished and not (FILE_NAME.fullmatch(path.name) and _has_head(path)):
                return None
            size = status.st_size
        else:
            return None
    except OSError:
        return None
    return CacheEntry(path.parent.name, path, size, status.st_mtime, is_unfinished)


def _has_head(path: Path) -> bool:
    """True for a file that begins as entries do."""
    with path.open("rb") as file:
        return HEAD.fullmatch(file.read(HEAD_BYTES)) is not None
