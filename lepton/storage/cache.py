"""A cache on disk, shared by all runs, of values that take time to compute."""

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from lepton.groups import REVISIONS
from lepton.storage.cache_entries import FOLDER_VARIABLE, cache_folder, read_entry, write_entry
from lepton.storage.cache_limit import keep_within_limit
from lepton.storage.cache_locks import let_go, make_held_folder, remove_unfinished
from lepton.storage.environment import package_versions

log = logging.getLogger("lepton")
ENTRY_FORMAT = 2  # 2: begins with the digest of the rest
APART = "apart"  # folder of what is computed in spite of the cache
T = TypeVar("T")


def cache_key(*values: object) -> str:
    """The name of an entry that depends on these values alone."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def texts_key(settings: object, texts: Iterable[str]) -> str:
    """The name of an entry that depends on settings and texts, of which no list is made."""
    digest = hashlib.sha256(cache_key(settings).encode())
    for text in texts:
        digest.update(json.dumps(text).encode())
    return digest.hexdigest()[:32]


def cached(
    kind: str,
    key: str,
    compute: Callable[[], bytes],
    read: Callable[[bytes], T],
    *,
    computed_by: Iterable[str],
) -> T:
    """The value that `read` makes of an entry's bytes, which are computed where there are none.

    `computed_by` names the packages, beside lepton, whose other versions may compute another
    value: each set of versions has entries of its own, and so has each revision of an option.

    Damaged bytes are computed anew. A folder that cannot be written costs the time of computing
    them again, and a word.
    """
    versions = package_versions(("lepton-experiments", *computed_by))
    revisions = [{name: len(changes) for name, changes in REVISIONS.items()}] if REVISIONS else []
    path = (
        cache_folder()
        / kind
        / f"{cache_key(key, versions, ENTRY_FORMAT, *revisions)}{Path(key).suffix}"
    )
    try:
        value = read(read_entry(path))
    except OSError:
        log.debug("%s made: %s", kind, path)
    except Exception as e:  # of several unrelated kinds
        say_damaged(path, e)
    else:
        log.debug("%s from the cache: %s", kind, path)
        return value
    content = compute()
    try:
        keep_within_limit(write_entry(path, content))
    except OSError as e:
        log.warning("%s: not kept (%s); LEPTON_CACHE names another folder", path, e.strerror)
    return read(content)


def say_damaged(path: Path, error: Exception) -> None:
    """Says that an entry is not what was written, in a line."""
    log.warning("%s: damaged (%s); made anew", path, " ".join(str(error).split())[:200])


@contextmanager
def without_cache() -> Iterator[None]:
    """Lets nothing be read that was kept before; what is computed meanwhile lies apart, and goes.

    On the cache's disk, as it may be much; processes that are started meanwhile do the same.
    """
    before = os.environ.get(FOLDER_VARIABLE)
    try:
        remove_unfinished(cache_folder() / APART)
        folder = make_held_folder(cache_folder() / APART)
    except OSError:  # it cannot be written
        folder = Path(tempfile.mkdtemp())
    os.environ[FOLDER_VARIABLE] = str(folder.absolute())
    try:
        yield
    finally:
        os.environ.pop(FOLDER_VARIABLE)
        if before is not None:
            os.environ[FOLDER_VARIABLE] = before
        let_go(folder)
        shutil.rmtree(folder, ignore_errors=True)
