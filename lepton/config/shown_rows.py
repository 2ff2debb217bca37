"""Checks which rows of a test split a page is to show."""

from collections.abc import Mapping
from typing import Any

MAX_SHOWN = 200  # rows on a page


def ids_problems(config: Mapping[str, Any]) -> list[str]:
    """A line where the rows that `ids` names are none, or more than a page shows."""
    ids = config.get("ids")
    if isinstance(ids, list) and not 1 <= len(ids) <= MAX_SHOWN:
        return [f"ids: {len(ids)} rows are not from 1 to {MAX_SHOWN}"]
    return []
