"""Files of /proc and /sys: the system makes their content while they are read."""

from pathlib import Path

from lepton.errors import DataError

SYSTEM_FOLDERS = ("/proc", "/sys")


def refuse_system_file(path: str) -> None:
    """Raises: DataError for a file that holds something else each time and has no true size."""
    file = Path(path).expanduser().resolve()
    if any(file.is_relative_to(folder) for folder in SYSTEM_FOLDERS):
        raise DataError(
            f"{path}: the system makes it anew whenever it is read; copy it to a file of your own"
        )
