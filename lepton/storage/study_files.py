"""Reads the JSON files that a study keeps beside its runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lepton.errors import Damaged
from lepton.storage.bounded_parsing import parse_json
from lepton.storage.regular_files import read_regular
from lepton.storage.run_files import naming_damage

Checked = Callable[[Any], dict[str, Any]]


def read_study_json(path: Path, checked: Checked, *, max_bytes: int, what: str) -> dict[str, Any]:
    """What `checked` returns of a file's content, empty where there is no file.

    Raises: Damaged for anything else than `what`, as `checked` raises of the content.
    """
    try:
        with naming_damage(path):
            return checked(parse_json(read_regular(path, max_bytes)))
    except FileNotFoundError:
        return {}
    except Damaged as e:
        why = str(e).removeprefix(f"{path}: ")
        raise Damaged(f"{path}: not {what}; remove the file ({why})") from None
