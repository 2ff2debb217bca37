"""What can be made again and takes time, kept by content between runs."""

import hashlib
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from lepton.storage.files import write_unique

log = logging.getLogger("lepton")
FOLDER = "LEPTON_CACHE"
T = TypeVar("T")


def folder() -> Path:
    """The folder named by the environment's LEPTON_CACHE, or lepton's in the user's cache."""
    named = os.environ.get(FOLDER)
    if named:
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lepton"


def key(*parts: object) -> str:
    """A name for what depends on these values alone."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def kept(kind: str, name: str, make: Callable[[], bytes], read: Callable[[bytes], T]) -> T:
    """What `read` makes of the bytes kept under a name; made and kept where there are none.

    Damaged ones are made anew. A folder that cannot be written costs the time of making them
    again, and a word.
    """
    path = folder() / kind / name
    try:
        found = read(path.read_bytes())
    except OSError:
        log.debug("%s made: %s", kind, path)
    except Exception as e:  # of several unrelated kinds
        log.warning("%s: damaged (%s); made anew", path, " ".join(str(e).split())[:200])
    else:
        log.debug("%s from the cache: %s", kind, path)
        return found
    made = make()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_unique(path, made)
    except OSError as e:
        log.warning("%s: not kept (%s); LEPTON_CACHE names another folder", path, e.strerror)
    return read(made)
