"""Files of fitted objects as skops writes them, on a machine with whatever clock."""

from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

import skops.io
from skops.io import _persist


class UndatedArchive(ZipFile):
    """A zip archive whose files are of the first day that zip knows, in 1980.

    By the clock they would be of no day that can be written where it has lost its battery (1970).
    """

    def writestr(self, zinfo_or_arcname: Any, data: Any, *options: Any, **named: Any) -> None:
        """Writes a file; a name stands for one without a date."""
        info = zinfo_or_arcname
        if isinstance(info, str):
            info = ZipInfo(info)
            info.compress_type, info.external_attr = self.compression, 0o600 << 16
        super().writestr(info, data, *options, **named)


# No public way: skops makes its archive itself. Tried: skops 0.14, 0.16.
_persist.ZipFile = UndatedArchive


def dump(fitted: Any, path: Path) -> None:
    """Writes a file of skops."""
    skops.io.dump(fitted, path)
