"""Fitted scikit-learn objects in a file, without pickle: only types that are trusted come back."""

from pathlib import Path

import skops.io

from lepton.errors import LeptonError

TRUSTED = ("numpy.dtype",)  # beyond the numpy and scikit-learn types that skops itself trusts


def save_state(state: dict, path: Path) -> None:
    skops.io.dump(state, path)


def load_state(path: Path) -> dict:
    """What `save_state` wrote.

    Raises: LeptonError when the file is not there, is damaged, or holds a type that is not trusted.
    """
    try:
        foreign = sorted(set(skops.io.get_untrusted_types(file=path)) - set(TRUSTED))
        if foreign:
            raise LeptonError(
                f"{path}: holds {', '.join(foreign)}; only numpy and scikit-learn types are loaded"
            )
        return skops.io.load(path, trusted=list(TRUSTED))
    except FileNotFoundError:
        raise LeptonError(f"{path}: no such file; a finished run's folder has one") from None
    except LeptonError:
        raise
    except Exception as error:
        raise LeptonError(f"{path}: cannot be read as a skops file ({error})") from error
