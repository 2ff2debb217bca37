"""Digests of many files, kept in the cache by what tells that a file is as it was."""

import json
import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from lepton.errors import Damaged
from lepton.storage.cache import cache_key, say_damaged
from lepton.storage.cache_entries import cache_folder, read_entry, write_entry
from lepton.storage.cache_limit import keep_within_limit
from lepton.storage.digests import sha256_of

FORMAT = 1  # of a file that keeps digests
FEWEST = 32  # files, whose digests are worth a file
SETTLED_NS = 2 * 10**9  # since a file's last change, before which another may have the same time
Stamp = tuple[int, int, int, int]  # of a file: its size, both of its times, its number
UNREAD = ""  # in place of the digest of a file that cannot be read; who reads the data says so
LAST: dict[Path, tuple[dict[str, Stamp], list[tuple[str, str]]]] = {}  # the folder last looked at


def digests_below(folder: Path) -> list[tuple[str, str]]:
    """The relative path and the SHA-256 of every file of a folder and those in it, in order."""
    absolute = folder.expanduser().absolute()
    stamps = {path.replace(os.sep, "/"): stamp for path, stamp in _stamps_below(str(absolute))}
    return _in_order(absolute, stamps, is_all=True)


def digests_named(folder: Path, names: Iterable[str]) -> list[tuple[str, str]]:
    """As `digests_below`, of the files that some of the names lead to, none of them out of it."""
    absolute = folder.expanduser().absolute()
    if os.pardir in absolute.parts:
        absolute = absolute.resolve()
    stamps, start = {}, f"{str(absolute).rstrip(os.sep)}{os.sep}"
    for name in names:
        with suppress(OSError, ValueError):
            status = os.stat(path := os.path.normpath(os.path.join(absolute, name)))
            if stat.S_ISREG(status.st_mode) and path.startswith(start):
                stamps[path[len(start) :].replace(os.sep, "/")] = _stamp(status)
    return _in_order(absolute, stamps, is_all=False)


def _in_order(absolute: Path, stamps: dict[str, Stamp], *, is_all: bool) -> list[tuple[str, str]]:
    seen, in_order = LAST.get(absolute, (None, []))
    if stamps and stamps == seen:
        return in_order
    now = time.time_ns()
    digests = _digests(absolute, stamps, is_all=is_all)
    in_order = sorted(digests.items(), key=lambda item: item[0].split("/"))
    LAST.clear()
    if all(max(stamp[1:3]) + SETTLED_NS < now for stamp in stamps.values()):
        LAST[absolute] = stamps, in_order
    return in_order


def digests_of(paths: Iterable[Path | str]) -> list[str]:
    """The SHA-256 of each file."""
    whole = [os.path.abspath(os.path.expanduser(path)) for path in paths]
    if len(whole) < FEWEST:
        return [_digest(Path(path)) for path in whole]
    folder = os.path.commonpath(map(os.path.dirname, whole))
    names = [os.path.relpath(path, folder).replace(os.sep, "/") for path in whole]
    stamps = {}
    for name, path in zip(names, whole, strict=True):
        with suppress(OSError):
            stamps[name] = _stamp(os.stat(path))
    digests = _digests(Path(folder), stamps, is_all=False)
    return [digests.get(name, UNREAD) for name in names]


def _digests(folder: Path, stamps: dict[str, Stamp], *, is_all: bool) -> dict[str, str]:
    """The digest of each file, by its name from the folder; new ones are kept.

    `is_all`: the folder has no others, so that what is kept of them can go.
    """
    if len(stamps) < FEWEST:
        return {name: _digest(folder / name) for name in stamps}
    file = cache_folder() / "digests" / f"{cache_key(str(folder), FORMAT)}.json"
    kept, now = _read(file), time.time_ns()
    digests, new = {}, {}
    for name, stamp in stamps.items():
        known = kept.get(name)
        if known is not None and tuple(known[:-1]) == stamp:
            digests[name] = known[-1]
            continue
        digests[name] = _digest(folder / name)
        if digests[name] != UNREAD and max(stamp[1:3]) + SETTLED_NS < now:
            new[name] = [*stamp, digests[name]]
    if new or (is_all and len(kept) > len(stamps)):
        others = {name: entry for name, entry in kept.items() if not is_all or name in stamps}
        _write(file, others | new)
    return digests


def _stamps_below(folder: str, prefix: str = "") -> Iterator[tuple[str, Stamp]]:
    """The relative path and the stamp of every file; folders that are links are not entered.

    What cannot be looked at is left out.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _stamps_below(entry.path, f"{prefix}{entry.name}{os.sep}")
                continue
            with suppress(OSError):
                if entry.is_file():
                    yield prefix + entry.name, _stamp(entry.stat())


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _digest(path: Path) -> str:
    try:
        return sha256_of(path) if path.is_file() else UNREAD  # a pipe might never end
    except OSError:
        return UNREAD


def _read(file: Path) -> dict[str, list]:
    """What was kept; nothing where the file is not what was written."""
    try:
        return json.loads(read_entry(file))
    except (OSError, ValueError):
        return {}
    except Damaged as e:
        say_damaged(file, e)
        return {}


def _write(file: Path, entries: dict[str, list]) -> None:
    """Keeps digests; where nothing can be written, they are computed again."""
    content = json.dumps(entries).encode("utf-8", "surrogatepass")
    with suppress(OSError):
        keep_within_limit(write_entry(file, content))
