"""A cache on disk of folders of arrays, which are mapped where they are used, not read.

An entry has a name, of what it holds, and a key, of all that its content follows from: another key
takes its place. All of its files are held to their digests once in a process, and again where one
has changed: 1 GB takes a second, a second time nothing.
"""

import errno
import json
import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from lepton.errors import Damaged, LeptonError
from lepton.storage.cache import say_damaged
from lepton.storage.cache_entries import (
    FACTS_FILE,
    FOLDER_VARIABLE,
    cache_folder,
    read_entry,
    write_entry,
)
from lepton.storage.cache_limit import keep_within_limit, make_room
from lepton.storage.cache_locks import (
    LOCK_FILE,
    hold,
    let_go,
    make_held_folder,
    move_if_no_entry,
    remove_if_unused,
    remove_unfinished,
    set_aside,
)
from lepton.storage.digests import checked_sha256, sha256_of
from lepton.storage.files import is_disk_full, sync_folder
from lepton.storage.regular_files import open_regular
from lepton.storage.scratch import reserve, unwritable

NO_ENTRY = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class ArrayCache:
    """The entries of one kind, in a folder of lepton's cache."""

    def __init__(self, kind: str):
        self.folder = cache_folder() / kind

    def open(self, name: str, key: str) -> "ArrayEntry | None":
        """The entry, which stays while this process lives; None where it has to be made."""
        entry = ArrayEntry(self.folder / f"{name}-{key}")
        try:
            hold(entry.folder)
        except OSError:
            return None
        if not entry.has_digest():  # of an earlier version
            set_aside(entry.folder)
            return None
        try:
            entry.load()
            (entry.folder / LOCK_FILE).touch()  # tells when it was last used
        except (OSError, ValueError, TypeError, KeyError, Damaged) as e:
            say_damaged(entry.folder, e)
            set_aside(entry.folder)
            return None
        return entry

    @contextmanager
    def writing(self, name: str, key: str) -> "Iterator[ArrayEntry]":
        """A new entry, which is there under its name when this ends, whoever else makes it too.

        Raises: LeptonError in a line when the disk is full.
        """
        try:
            remove_unfinished(self.folder)
            part = make_held_folder(self.folder)
        except OSError as e:
            raise unwritable(self.folder, e) from e
        try:
            entry = ArrayEntry(part)
            yield entry
            size = entry.write_facts()
            sync_folder(part)  # else a power cut might leave arrays of zeros
            entry.folder = self.folder / f"{name}-{key}"
            _put(part, entry.folder)
        except OSError as e:
            raise unwritable(self.folder, e) from e
        finally:
            let_go(part)
            if part.exists():
                shutil.rmtree(part, ignore_errors=True)
        for other in self.folder.glob(f"{name}-*"):
            if other != entry.folder:
                remove_if_unused(other)
        keep_within_limit(size)


def _put(part: Path, folder: Path) -> None:
    """Gives a held folder its name, or holds the one of the same content that has it.

    Raises: OSError where the system does not allow it.
    """
    while True:
        try:
            os.rename(part, folder)
        except OSError as e:
            if e.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
        else:
            hold(folder)
            let_go(part)
            return
        try:
            hold(folder)
        except NO_ENTRY:  # removed at this moment, or never one
            move_if_no_entry(folder)
            continue
        return


class ArrayEntry:
    """A folder of arrays, and `facts` about them as JSON has them."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.facts: dict[str, Any] = {}

    def make(self, name: str, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """An empty array, written into a file as it is filled.

        Raises: OSError when the disk has no room for it, LeptonError when it never has.
        """
        path, dtype = self.folder / f"{name}.npy", np.dtype(dtype)
        if not (numbers := math.prod(shape)):
            np.save(path, np.empty(shape, dtype))
            return np.empty(shape, dtype)
        if (size := numbers * dtype.itemsize) > (disk := shutil.disk_usage(self.folder).total):
            raise LeptonError(
                f"{self.folder.parent}: {size / 1e9:.3g} GB are to be kept there, and the disk has "
                f"{disk / 1e9:.3g}; {FOLDER_VARIABLE} names another folder"
            )
        array = None
        while array is None:
            try:
                array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
                with path.open("rb+") as file:
                    reserve(file, path.stat().st_size)  # on the disk, lest a full one be a signal
            except OSError as e:
                path.unlink(missing_ok=True)
                if not (is_disk_full(e) and make_room()):
                    raise
        return array

    def has_digest(self) -> bool:
        """False for an entry as versions wrote it that kept digests among its facts."""
        try:
            with open_regular(self.folder, FACTS_FILE) as file:
                return file.read(1) != b"{"
        except (OSError, Damaged):
            return True

    def load(self) -> None:
        """Reads the facts, and holds every file to its digest.

        Raises: OSError, Damaged, ValueError, TypeError, KeyError when it is not what was written.
        """
        content = json.loads(read_entry(self.folder / FACTS_FILE))
        for name, digest in content["sha256"].items():
            if checked_sha256(self.folder, name) != digest:
                raise Damaged(f"{name}: its SHA-256 is not the one it was written with")
        self.facts = content["facts"]

    def write_facts(self) -> int:
        """Writes the facts and the digests of all files; returns the bytes that all take."""
        files = [path for path in sorted(self.folder.rglob("*")) if path.is_file()]
        files = [path for path in files if path != self.folder / LOCK_FILE]
        sums = {path.relative_to(self.folder).as_posix(): sha256_of(path) for path in files}
        content = json.dumps({"facts": self.facts, "sha256": sums})
        size = write_entry(self.folder / FACTS_FILE, content.encode())
        return size + sum(path.stat().st_size for path in files)

    def read(self, name: str) -> np.ndarray:
        """An array, mapped; what is written into it changes no file."""
        return np.load(self.folder / f"{name}.npy", mmap_mode="c")
