"""Files of fitted scikit-learn objects, without pickle: only trusted types are loaded.

Plain values stand in them as one text, since skops makes an object of each value.
"""

import json
from pathlib import Path
from typing import Any

from lepton.compat import skops
from lepton.errors import LeptonError
from lepton.preprocessing.categories import categories_of_encoder
from lepton.storage.bounded_parsing import parse_json
from lepton.storage.run_files import naming_damage, read_run_skops

PLAIN_KEYS = ("settings", "kinds", "hours", "indicated")  # and the categories
TRUSTED_TYPES = ("numpy.dtype",)  # beyond the numpy and scikit-learn types that skops itself trusts


def save_state(state: dict[str, Any], path: Path) -> None:
    """Writes a dict of scikit-learn objects, and of plain values under `plain`."""
    skops.dump({**state, "plain": json.dumps(state["plain"])}, path)


def load_state(path: Path) -> dict[str, Any]:
    """The state that `save_state` wrote; one of earlier versions has all values side by side.

    Raises: LeptonError when the file is not there, is damaged, or holds a type that is not trusted.
    """
    try:
        state = read_run_skops(
            path.parent,
            path.name,
            TRUSTED_TYPES,
            lambda types: f"holds {types}; only numpy and scikit-learn types are loaded",
        )
    except FileNotFoundError:
        raise LeptonError(f"{path}: no such file; a finished run's folder has one") from None
    with naming_damage(path):
        is_earlier = "plain" not in state
        plain = _plain_of_earlier(state) if is_earlier else parse_json(state["plain"].encode())
    return {**state, "plain": plain}


def _plain_of_earlier(state: dict[str, Any]) -> dict[str, Any]:
    """The plain values of a state that has an encoder of scikit-learn's for each column."""
    encoders = state["encoders"].items()
    categories = {name: vars(categories_of_encoder(encoder)) for name, encoder in encoders}
    return {key: state[key] for key in PLAIN_KEYS} | {"categories": categories}
