"""Files of fitted objects as skops writes them, on a machine with whatever clock."""

import json
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


class CompactJson:
    """The module json, whose texts are on one line: those with an indent are not made in C."""

    loads = staticmethod(json.loads)

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        return json.dumps(value)


# No public way: skops makes its archive itself. Tried: skops 0.14, 0.16.
_persist.ZipFile, _persist.json = UndatedArchive, CompactJson


def dump(fitted: Any, path: Path) -> None:
    """Writes a file of skops."""
    skops.io.dump(fitted, path)
