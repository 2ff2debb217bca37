"""What a run folder holds of its data: enough to turn further rows into inputs."""

from pathlib import Path

from lepton.dataset.data import Data
from lepton.storage.run_folder import SPEC_FILE


def write_data_description(data: Data, folder: Path) -> None:
    """Writes the spec of the data, and how raw rows become inputs, into any folder."""
    data.spec.save(folder / SPEC_FILE)
    data.save(folder)
