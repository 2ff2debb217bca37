"""What the tests of storage share: runs that an error ended."""

from contextlib import suppress
from pathlib import Path

from lepton.storage.run_folder import write_config
from lepton.storage.run_writing import writing_run


def end_run_with(error):
    """Writes the run `study/run` until an error ends it."""
    with suppress(type(error)), writing_run(Path("study/run")) as folder:
        write_config({"seed": 3}, folder)
        raise error
