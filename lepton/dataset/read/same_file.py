"""Refuses a test file that is the data file: the same, a link to it, or a copy."""

from pathlib import Path

from lepton.errors import DataError
from lepton.pretrained.weight_files import file_sha256


def refuse_same_file(name: str, test_name: str) -> None:
    """Raises: DataError where both names are files of the same bytes."""
    path, test_path = Path(name).expanduser(), Path(test_name).expanduser()
    if not (path.is_file() and test_path.is_file()):
        return
    if path.samefile(test_path):
        how = "is"
    elif path.stat().st_size == test_path.stat().st_size and (
        file_sha256(path) == file_sha256(test_path)
    ):
        how = "is a copy of"
    else:
        return
    raise DataError(
        f"dataset.test_path={test_name} {how} dataset.path={name}, so it would be scored on "
        "what was trained on; leave it out, and a share of the rows is kept for the test"
    )
