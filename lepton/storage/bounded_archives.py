"""Looks at zip archives, as skops writes them, before they are unpacked."""

import io
import zipfile
from pathlib import Path
from typing import IO

from lepton.storage.limits import check_limit

MEGABYTE = 1_000_000
ARCHIVE_SUFFIX = ".npz"  # of an archive in an archive, as sparse matrices are kept


def check_archive(path: Path) -> None:
    """Holds what a zip archive, and archives in it, unpack to against the limit.

    lepton packs nothing: only what is larger than the file can be too large. An archive's own
    figures may be trusted, since no more than they say is unpacked.

    Raises: Damaged; zipfile's errors for what is no archive.
    """
    packed = path.stat().st_size / MEGABYTE
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        check_limit("values", len(entries))
        unpacked = sum(entry.file_size for entry in entries) / MEGABYTE
        check_limit("unpacked_mb", unpacked, at_least=4 * packed)
        inner = [entry for entry in entries if entry.filename.endswith(ARCHIVE_SUFFIX)]
        for entry in inner:
            with archive.open(entry) as file:
                unpacked += _unpacked_size(file)
            check_limit("unpacked_mb", unpacked, at_least=4 * packed)


def _unpacked_size(file: IO[bytes]) -> float:
    """Units: megabytes."""
    with zipfile.ZipFile(io.BytesIO(file.read())) as archive:
        return sum(entry.file_size for entry in archive.infolist()) / MEGABYTE
