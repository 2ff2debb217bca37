"""Files of fitted scikit-learn objects, without pickle: only trusted types are loaded."""

from pathlib import Path
from typing import Any

from lepton.compat import skops
from lepton.errors import LeptonError
from lepton.storage.run_files import read_run_skops

TRUSTED_TYPES = ("numpy.dtype",)  # beyond the numpy and scikit-learn types that skops itself trusts


def save_state(state: dict[str, Any], path: Path) -> None:
    """Writes a dict of plain values and scikit-learn objects."""
    skops.dump(state, path)


def load_state(path: Path) -> dict[str, Any]:
    """The state that `save_state` wrote.

    Raises: LeptonError when the file is not there, is damaged, or holds a type that is not trusted.
    """
    try:
        return read_run_skops(
            path.parent,
            path.name,
            TRUSTED_TYPES,
            lambda types: f"holds {types}; only numpy and scikit-learn types are loaded",
        )
    except FileNotFoundError:
        raise LeptonError(f"{path}: no such file; a finished run's folder has one") from None
