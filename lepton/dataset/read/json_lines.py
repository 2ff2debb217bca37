"""Files of JSON objects, one a line, read as tables."""

import json

import pandas as pd

from lepton.dataset.read.text_file import read_text
from lepton.errors import DataError


def read_json_lines(path: str, *, encoding: str) -> pd.DataFrame:
    """One row an object; a key that an object lacks is missing there.

    Raises: DataError naming file and line of what is no object of plain values.
    """
    rows = []
    for number, line in enumerate(read_text(path, encoding).split("\n"), 1):
        if line.strip():
            rows.append(_parse_row(line, f"{path}, line {number}"))
    if not rows:
        raise DataError(f"{path}: the file is empty")
    return pd.DataFrame(rows)


def _parse_row(line: str, where: str) -> dict[str, object]:
    try:
        row = json.loads(line, object_pairs_hook=_without_repeated_keys)
    except KeyError as e:
        raise DataError(f"{where}: two values for {e}") from None
    except (ValueError, RecursionError) as e:
        raise DataError(f"{where}: not JSON ({e})") from None
    if not isinstance(row, dict):
        raise DataError(f'{where}: not an object, as {{"text": ...}} is')
    nested = [key for key, value in row.items() if isinstance(value, dict | list)]
    if nested:
        raise DataError(f"{where}: {nested[0]!r} is not one number, text or truth value")
    if not _holds_whole_characters(row):
        raise DataError(f"{where}: half a character (a lone \\ud800 to \\udfff)")
    return row


def _without_repeated_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """The pairs as an object.

    Raises: KeyError for a key that comes again.
    """
    row = {}
    for key, value in pairs:
        if key in row:
            raise KeyError(key)
        row[key] = value
    return row


def _holds_whole_characters(row: dict[str, object]) -> bool:
    """True when no text of the row holds half a character, which JSON's escapes can write."""
    try:
        "".join([*row, *(value for value in row.values() if isinstance(value, str))]).encode()
    except UnicodeEncodeError:
        return False
    return True
