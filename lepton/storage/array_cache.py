"""A cache on disk of folders of arrays, which are mapped where they are used, not read.

An entry has a name, of what it holds, and a key, of all that its content follows from: another key
takes its place. Entries that are in use stay; others go, the longest unused first, where room is
needed.
"""

import fcntl
import hashlib
import json
import logging
import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from lepton.errors import Damaged, LeptonError
from lepton.storage.cache import FOLDER_VARIABLE, cache_folder
from lepton.storage.digests import checked_sha256
from lepton.storage.files import is_disk_full, sync_folder
from lepton.storage.regular_files import open_regular
from lepton.storage.scratch import reserve, unwritable

log = logging.getLogger("lepton")
FACTS_FILE, LOCK_FILE, UNFINISHED = "facts.json", "lock", ".part-"
HELD: dict[Path, int] = {}  # entries that this process uses, with the descriptors of their locks


class ArrayCache:
    """The entries of one kind, in a folder of lepton's cache."""

    def __init__(self, kind: str):
        self.folder = cache_folder() / kind

    def open(self, name: str, key: str) -> "ArrayEntry | None":
        """The entry, which stays while this process lives; None where it has to be made."""
        entry = ArrayEntry(self.folder / f"{name}-{key}")
        try:
            _hold(entry.folder)
            with open_regular(entry.folder, FACTS_FILE) as file:
                content = json.load(file)
            entry.facts = content["facts"]
            if content["sha256"] != entry.digests():
                log.warning("%s: damaged; made anew", entry.folder)
                os.close(HELD.pop(entry.folder))
                return None
            (entry.folder / LOCK_FILE).touch()  # tells when it was last used
        except (OSError, ValueError, TypeError, KeyError, Damaged):
            return None
        return entry

    @contextmanager
    def writing(self, name: str, key: str) -> "Iterator[ArrayEntry]":
        """A new entry, which is there under its name when this ends, whoever else makes it too.

        Raises: LeptonError in a line when the disk is full.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._remove_unfinished()
            part = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=self.folder))
        except OSError as e:
            raise unwritable(self.folder, e) from e
        try:
            _hold(part)
            entry = ArrayEntry(part, self)
            yield entry
            content = {"facts": entry.facts, "sha256": entry.digests()}
            (part / FACTS_FILE).write_text(json.dumps(content))
            sync_folder(part)  # else a power cut might leave arrays of zeros
            entry.folder = self.folder / f"{name}-{key}"
            self._put(part, entry.folder)
        except OSError as e:
            raise unwritable(self.folder, e) from e
        finally:
            if part.exists():
                shutil.rmtree(part, ignore_errors=True)
        for other in self.folder.glob(f"{name}-*"):
            if other != entry.folder:
                _remove_if_unused(other)

    def make_room(self) -> bool:
        """Removes the entry that was not used for longest; False where all are in use."""
        entries = [path for path in self.folder.glob("[!.]*-*") if (path / LOCK_FILE).exists()]
        entries.sort(key=lambda path: (path / LOCK_FILE).stat().st_mtime)
        return any(_remove_if_unused(path) for path in entries)

    def _put(self, part: Path, folder: Path) -> None:
        if not folder.exists() or _remove_if_unused(folder):  # of another process: the same, or old
            with suppress(OSError):
                os.rename(part, folder)
                HELD[folder] = HELD.pop(part)
        if part.exists():
            _hold(folder)

    def _remove_unfinished(self) -> None:
        """Removes what processes that were killed have left."""
        for part in self.folder.glob(f"{UNFINISHED}*"):
            _remove_if_unused(part)


class ArrayEntry:
    """A folder of arrays, and `facts` about them as JSON has them."""

    def __init__(self, folder: Path, cache: ArrayCache | None = None):
        self.folder, self.cache = folder, cache
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
                if not (is_disk_full(e) and self.cache and self.cache.make_room()):
                    raise
        return array

    def digests(self) -> dict[str, str]:
        """The digest of the facts and of each array, which takes a second for a gigabyte."""
        plain = json.loads(json.dumps(self.facts))  # as it is read again: keys are texts
        facts = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
        arrays = {
            path.name: checked_sha256(self.folder, path.name)
            for path in sorted(self.folder.glob("*.npy"))
        }
        return {FACTS_FILE: facts, **arrays}

    def read(self, name: str) -> np.ndarray:
        """An array, mapped; what is written into it changes no file."""
        return np.load(self.folder / f"{name}.npy", mmap_mode="c")


def _hold(folder: Path) -> None:
    """Marks a folder as in use by this process. Raises: OSError where there is none."""
    if folder not in HELD:
        descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o666)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        HELD[folder] = descriptor


def _remove_if_unused(folder: Path) -> bool:
    """Removes an entry that no process uses; False where one does."""
    if folder in HELD:
        return False
    try:
        descriptor = os.open(folder / LOCK_FILE, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return not folder.exists()
