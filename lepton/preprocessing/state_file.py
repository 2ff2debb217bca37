"""Files of fitted scikit-learn objects, without pickle: only trusted types are loaded."""

from pathlib import Path
from typing import Any

import skops.io

from lepton.errors import LeptonError

TRUSTED_TYPES = ("numpy.dtype",)  # beyond the numpy and scikit-learn types that skops itself trusts


def save_state(state: dict[str, Any], path: Path) -> None:
    """Writes a dict of plain values and scikit-learn objects."""
    skops.io.dump(state, path)


def load_state(path: Path) -> dict[str, Any]:
    """The state that `save_state` wrote.

    Raises: LeptonError when the file is not there, is damaged, or holds a type that is not trusted.
    """
    try:
        untrusted = sorted(set(skops.io.get_untrusted_types(file=path)) - set(TRUSTED_TYPES))
        if untrusted:
            raise LeptonError(
                f"{path}: holds {', '.join(untrusted)}; "
                "only numpy and scikit-learn types are loaded"
            )
        return skops.io.load(path, trusted=list(TRUSTED_TYPES))
    except FileNotFoundError:
        raise LeptonError(f"{path}: no such file; a finished run's folder has one") from None
    except LeptonError:
        raise
    except Exception as error:
        raise LeptonError(f"{path}: cannot be read as a skops file ({error})") from error
