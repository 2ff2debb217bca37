"""A cache on disk, shared by all runs, of values that take time to compute."""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from lepton.groups import REVISIONS
from lepton.storage.environment import package_versions
from lepton.storage.files import write_shared_file
from lepton.storage.regular_files import open_regular

log = logging.getLogger("lepton")
FOLDER_VARIABLE = "LEPTON_CACHE"
ENTRY_FORMAT = 2  # 2: begins with the digest of the rest
T = TypeVar("T")


def cache_folder() -> Path:
    """The folder named by the environment's LEPTON_CACHE, or lepton's in the user's cache."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder:
        return Path(folder).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lepton"


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
        with open_regular(path.parent, path.name) as file:
            digest, _, content = file.read().partition(b"\n")
        if hashlib.sha256(content).hexdigest().encode() != digest:
            raise ValueError("its SHA-256 is not the one it was written with")
        value = read(content)
    except OSError:
        log.debug("%s made: %s", kind, path)
    except Exception as e:  # of several unrelated kinds
        log.warning("%s: damaged (%s); made anew", path, " ".join(str(e).split())[:200])
    else:
        log.debug("%s from the cache: %s", kind, path)
        return value
    content = compute()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256(content).hexdigest().encode()
        write_shared_file(path, digest + b"\n" + content)
    except OSError as e:
        log.warning("%s: not kept (%s); LEPTON_CACHE names another folder", path, e.strerror)
    return read(content)
