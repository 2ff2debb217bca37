"""What can be made again and takes time, kept by content between runs."""

import hashlib
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path

from lepton.files import write_bytes

log = logging.getLogger("lepton")
FOLDER = "LEPTON_CACHE"


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


def kept(kind: str, name: str, make: Callable[[], bytes]) -> bytes:
    """The bytes kept under a name; made and kept where there are none.

    A folder that cannot be written costs the time of making them again, and a word.
    """
    path = folder() / kind / name
    try:
        found = path.read_bytes()
    except OSError:
        log.debug("%s made: %s", kind, path)
    else:
        log.debug("%s from the cache: %s", kind, path)
        return found
    made = make()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, made)
    except OSError as e:
        log.warning("%s: not kept (%s); LEPTON_CACHE names another folder", path, e.strerror)
    return made
