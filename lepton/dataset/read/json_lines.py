"""Files of JSON objects, one a line, as tables."""

import json

import pandas as pd

from lepton.dataset.read.csv_file import read_text
from lepton.errors import DataError


def read_json_lines(path: str, *, encoding: str) -> pd.DataFrame:
    """One row an object; a key that an object lacks is missing there.

    Raises: DataError naming file and line of what is no object of plain values.
    """
    rows = []
    for number, line in enumerate(read_text(path, encoding).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=_once)
        except KeyError as e:
            raise DataError(f"{path}, line {number}: two values for {e}") from None
        except (ValueError, RecursionError) as e:
            raise DataError(f"{path}, line {number}: not JSON ({e})") from None
        if not isinstance(row, dict):
            raise DataError(f'{path}, line {number}: not an object, as {{"text": ...}} is')
        nested = [key for key, value in row.items() if isinstance(value, dict | list)]
        if nested:
            raise DataError(
                f"{path}, line {number}: {nested[0]!r} is not one number, text or truth value"
            )
        if not _plain(row):
            raise DataError(f"{path}, line {number}: half a character (a lone \\ud800 to \\udfff)")
        rows.append(row)
    if not rows:
        raise DataError(f"{path}: the file is empty")
    return pd.DataFrame(rows)


def _once(pairs: list[tuple[str, object]]) -> dict:
    """The pairs as an object.

    Raises: KeyError for a key that comes again.
    """
    row = {}
    for key, value in pairs:
        if key in row:
            raise KeyError(key)
        row[key] = value
    return row


def _plain(row: dict) -> bool:
    """Whether all its texts are whole characters, which JSON's escapes need not be."""
    try:
        "".join([*row, *(v for v in row.values() if isinstance(v, str))]).encode()
    except UnicodeEncodeError:
        return False
    return True
