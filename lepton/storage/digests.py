"""The digests of a run's files: written before the run gets its name, checked when one is read.

`SHA256SUMS` has a line a file, which `sha256sum --check SHA256SUMS` reads too; its first line is
the digest of the others. A run of an earlier version has no such file, and is read unchecked.
"""

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from lepton.errors import Damaged
from lepton.storage.files import write_bytes
from lepton.storage.lock import LOCK_PREFIX
from lepton.storage.regular_files import open_regular, read_regular

SUMS_FILE = "SHA256SUMS"
SUMS_HEAD = "# {} of the lines below\n"
MAX_SUMS_BYTES = 64 << 20

Sums = dict[str, set[str]]  # a file's name from the run's folder: each digest that it may have


def write_sums(folder: Path, left_out: str) -> None:
    """Writes the digests of all files that a run's folder holds, but for a folder in it."""
    sums: Sums = {}
    for name in sorted(_files_below(folder, left_out)):
        with suppress(FileNotFoundError):  # what others look for here comes and goes
            sums[name] = {sha256_of(folder / name)}
    _write(folder, sums, sync=False)


def replace_covered(folder: Path, name: str, content: bytes | memoryview) -> None:
    """Writes or replaces a file of a finished run and its digest: whenever this ends, both fit.

    Until a file is replaced its digest may be the one before or the one after.
    """
    new, sums = hashlib.sha256(content).hexdigest(), read_sums(folder)
    if sums is not None and name in sums:
        _write(folder, {**sums, name: {*sums[name], new}}, sync=True)
    write_bytes(folder / name, content)
    if sums is not None:
        _write(folder, {**sums, name: {new}}, sync=True)


def read_sums(folder: Path) -> Sums | None:
    """The digests that a run's folder records; None where it records none.

    Raises: Damaged when the record itself is not what was written.
    """
    path = f"{folder}/{SUMS_FILE}"
    try:
        content = read_regular(path, MAX_SUMS_BYTES)
    except FileNotFoundError:
        return None
    head, _, lines = content.partition(b"\n")
    if head + b"\n" != SUMS_HEAD.format(hashlib.sha256(lines).hexdigest()).encode():
        raise Damaged(f"{path}: damaged: not what was written")
    sums: Sums = {}
    for line in lines.decode("utf-8", "surrogateescape").split("\n")[:-1]:
        if line[:1] != "\\":
            digest, name = line[:64], line[66:]
        else:
            digest, name = line[1:65], _unescaped(line[67:])
        sums.setdefault(name, set()).add(digest)
    return sums


def check_digest(folder: Path, name: str, digest: str) -> None:
    """Holds the digest of a file that was read against the one that it was written with.

    Raises: Damaged when they differ, or the run did not write such a file.
    """
    sums = read_sums(folder)
    if sums is None:
        return
    if name not in sums:
        raise Damaged(f"{folder / name}: damaged: the run did not write it ({SUMS_FILE})")
    if digest not in sums[name]:
        raise Damaged(
            f"{folder / name}: damaged: its SHA-256 is not the one it was written with; "
            "rerun=true makes the run again"
        )


def damaged_files(
    folder: Path, ignored: tuple[str, ...] = (), *, needed: bool = True
) -> list[str] | None:
    """A line for each file that is gone or not what was written; None for a run without digests.

    `ignored` begin the names of those that are not looked at; where `needed` is false, a file may
    be gone.

    Raises: Damaged when the record of digests is.
    """
    sums = read_sums(folder)
    if sums is None:
        return None
    lines = []
    for name, digests in sums.items():
        if name.startswith(ignored):
            continue
        try:
            digest = checked_sha256(folder, name)
        except FileNotFoundError:
            lines += [f"{name}: is gone"] if needed else []
        except (OSError, Damaged):
            lines.append(f"{name}: is no file that can be read")
        else:
            if digest not in digests:
                lines.append(f"{name}: its SHA-256 is not the one it was written with")
    return lines


def checked_sha256(folder: Path, name: str) -> str:
    """The SHA-256 of a file of a run, read anew when it has changed.

    Raises: OSError where there is none; Damaged for what is no regular file.
    """
    with open_regular(folder, name) as file:
        status = os.fstat(file.fileno())
    stamp = (status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size)
    return _sha256((folder / name).absolute(), stamp)


@lru_cache(maxsize=256)
def _sha256(path: Path, stamp: tuple[int, ...]) -> str:
    return sha256_of(path)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_digest(content: Any) -> str:
    """The SHA-256 of what a JSON file says, whichever types wrote it."""
    text = json.dumps(json.loads(json.dumps(content, default=str)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _files_below(folder: Path, left_out: str) -> Iterator[str]:
    """The regular files of a run's folder, by their names from there."""
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != left_out]
        for name in names:
            path = Path(parent, name)
            if name.startswith(LOCK_PREFIX) or path == folder / SUMS_FILE:
                continue
            with suppress(FileNotFoundError):  # what others look for here comes and goes
                if stat.S_ISREG(os.lstat(path).st_mode):
                    yield path.relative_to(folder).as_posix()


def _write(folder: Path, sums: Sums, *, sync: bool) -> None:
    text = "".join(
        _line(name, digest) for name, digests in sums.items() for digest in sorted(digests)
    )
    lines = text.encode("utf-8", "surrogateescape")
    content = SUMS_HEAD.format(hashlib.sha256(lines).hexdigest()).encode() + lines
    if sync:
        write_bytes(folder / SUMS_FILE, content)
    else:
        (folder / SUMS_FILE).write_bytes(content)


def _line(name: str, digest: str) -> str:
    """A line as sha256sum writes it: a backslash at its start says that the name has some."""
    escaped = _escaped(name)
    return f"{digest}  {name}\n" if escaped == name else f"\\{digest}  {escaped}\n"


def _escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")


def _unescaped(name: str) -> str:
    plain = {"\\\\": "\\", "\\n": "\n", "\\r": "\r"}
    pieces, i = [], 0
    while i < len(name):
        pair = name[i : i + 2]
        pieces.append(plain.get(pair, name[i]))
        i += 2 if pair in plain else 1
    return "".join(pieces)
