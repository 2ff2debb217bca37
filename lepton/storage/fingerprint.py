"""Fingerprints of a file's content, as a path, bytes or an array: others where it is another."""

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from lepton.storage.cache import cache_key
from lepton.storage.file_cell import path_or_bytes


def fingerprint(content: Any) -> bytes:
    """Bytes that are others for another content, without reading a file.

    `content`: a path, the bytes of a file, a dict of both or of an array of sound and its rate, an
    array, or what has `tobytes`.
    """
    if isinstance(content, dict) and (array := content.get("array")) is not None:
        return f"{content.get('sampling_rate')} ".encode() + fingerprint(np.asarray(array))
    content = path_or_bytes(content)
    if isinstance(content, str | Path):
        try:
            stat = os.stat(content)
        except OSError:
            return f"{content}\0".encode("utf-8", "surrogatepass")
        path = content if os.path.isabs(content) else os.path.abspath(content)
        seen = f"{path}\0{stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_size}"
        return seen.encode("utf-8", "surrogatepass")
    if isinstance(content, np.ndarray):
        described = cache_key(str(content.dtype), content.shape).encode()
        return described + hashlib.sha256(np.ascontiguousarray(content).data).digest()
    if not isinstance(content, bytes | bytearray):
        content = content.tobytes() if hasattr(content, "tobytes") else repr(content).encode()
    return hashlib.sha256(content).digest()
