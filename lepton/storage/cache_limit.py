"""Keeps the cache within a limit: entries that were not used for longest go first."""

import logging
import math
import os
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lepton.errors import LeptonError
from lepton.storage.cache_entries import cache_entries, cache_folder
from lepton.storage.files import locked_folder

log = logging.getLogger("lepton")
LIMIT_VARIABLE = "LEPTON_CACHE_GB"
DISK_SHARE = 0.5  # of the disk, where no limit is given
GIGABYTE = 1e9
RECOUNTED_SECONDS = 60  # what other processes write meanwhile is not known


@dataclass
class Count:
    """What the cache held when it was looked at, and what this process has added since."""

    bytes: float
    at: float


COUNTS: dict[Path, Count] = {}  # by the cache's folder


def given_limit() -> float | None:
    """What the environment's LEPTON_CACHE_GB allows, in bytes; None where it is not set.

    Raises: LeptonError for what is no size.
    """
    text = os.environ.get(LIMIT_VARIABLE, "").strip()
    if not text:
        return None
    try:
        size = float(text)
    except ValueError:
        size = math.nan
    if not size >= 0:
        raise LeptonError(
            f"{LIMIT_VARIABLE}={text}: is no size; give gigabytes, as {LIMIT_VARIABLE}=20"
        )
    return size * GIGABYTE


def limit_bytes() -> float:
    """What the cache may take: as given, or a share of the disk that it lies on."""
    given = given_limit()
    if given is not None:
        return given
    folder = cache_folder().absolute()
    while not folder.exists():
        folder = folder.parent
    return DISK_SHARE * shutil.disk_usage(folder).total


def keep_within_limit(added: int) -> None:
    """Removes entries that were not used for longest, where so many new bytes are too many."""
    folder, now = cache_folder(), time.monotonic()
    count = COUNTS.get(folder)
    if count is not None and now - count.at < RECOUNTED_SECONDS:
        count.bytes += added
        if count.bytes <= limit_bytes():
            return
    with suppress(OSError), locked_folder(folder):  # of two processes, one looks at a time
        COUNTS[folder] = Count(_evict(limit_bytes()), now)


def make_room() -> bool:
    """Removes the entry that was not used for longest; False where all are in use."""
    return any(entry.remove() for entry in cache_entries())


def _evict(limit: float) -> float:
    """Removes entries until the others fit; returns what is left. Units: bytes."""
    entries = cache_entries()
    left, removed = float(sum(entry.bytes for entry in entries)), 0
    for entry in sorted(entries, key=lambda entry: not entry.is_unfinished):
        if left <= limit:
            break
        if entry.remove():
            left -= entry.bytes
            removed += 1
    if removed:
        log.debug(
            "cache: removed %d of its entries, the longest unused; %.3g GB stay, and %.3g may",
            *(removed, left / GIGABYTE, limit / GIGABYTE),
        )
    return left
