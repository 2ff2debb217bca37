"""The layout of a CSV file, its separator and quote, and its rows read strictly by that layout."""

import csv
import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import IO

from lepton.config.words import typed
from lepton.errors import DataError, LayoutError

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
LAYOUT_CHARACTERS = 1 << 20  # from the start of a file, in which its layout is looked for
MAX_FIELD_CHARACTERS = 1 << 20  # a longer field is a quote that never closes


@dataclass(frozen=True)
class Layout:
    """The characters that separate and quote fields."""

    separator: str
    quote: str | None


def numbered_rows(
    path: str, text: str | IO[str], layout: Layout
) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, each with the number of its first line, of text or a file of text.

    Raises: DataError naming the line of a quote that is left open, or misplaced.
    """
    csv.field_size_limit(MAX_FIELD_CHARACTERS)
    reader = csv.reader(
        io.StringIO(text, newline="") if isinstance(text, str) else text,
        delimiter=layout.separator,
        quotechar=layout.quote,
        quoting=csv.QUOTE_NONE if layout.quote is None else csv.QUOTE_MINIMAL,
        skipinitialspace=True,
        strict=True,
    )
    line = 1
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as e:
            raise DataError(f"{path}, line {line}: {_explained(str(e))}") from None
        if len(row) > 1 or "".join(row).strip():
            yield line, row
        line = reader.line_num + 1


def find_layout(path: str, text: str, separator: str | None, quote: str | None) -> Layout:
    """The layout with the separator of the config, or else that which the first line shows.

    Raises: DataError when the first line has one field only, two separators fit alike, or what the
        config holds cannot separate or quote.
    """
    _check_characters(separator, quote)
    counts = {s: _field_counts(path, text, Layout(s, quote)) for s in SEPARATORS}
    if separator is None:
        return Layout(_likely_separator(path, counts), quote)
    others = [s for s, (first, *_) in counts.items() if s != separator and first > 1]
    if _field_counts(path, text, Layout(separator, quote))[0] == 1 and others:
        mistake = f"line 1 has no separator {separator!r} but {SEPARATORS[others[0]]}s"
        raise LayoutError(f"{path}: {mistake}", f"set {typed('dataset.separator', others[0])}")
    return Layout(separator, quote)


def _check_characters(separator: str | None, quote: str | None) -> None:
    """Raises: DataError for what cannot separate or quote."""
    for key, character in (("separator", separator), ("quote", quote)):
        if character is not None and (len(character) != 1 or character in "\r\n"):
            raise DataError(f"dataset.{key}: {character!r}; give one character, or null")
    if separator is not None and separator == quote:
        raise DataError(f"dataset.separator, dataset.quote: both are {quote!r}; give two")


def _likely_separator(path: str, counts: dict[str, list[int]]) -> str:
    """The separator that gives most fields; one that gives both rows as many is preferred.

    `counts` holds the number of fields in the first rows, by separator.
    """
    several = {s: fields for s, fields in counts.items() if fields[0] > 1}
    steady = {s: fields for s, fields in several.items() if len(set(fields)) == 1} or several
    if not steady:
        names = ", ".join(SEPARATORS.values())
        raise DataError(f"{path}: line 1 holds one field ({names} looked for); a table needs two")
    most_fields = max(fields[0] for fields in steady.values())
    best = [s for s, fields in steady.items() if fields[0] == most_fields]
    if len(best) > 1:
        names = " and ".join(SEPARATORS[s] for s in best)
        raise LayoutError(f"{path}: line 1 may be separated by {names}", "set dataset.separator")
    return best[0]


def _field_counts(path: str, text: str, layout: Layout) -> list[int]:
    """The number of fields in the first two rows, as far as they can be read."""
    counts = []
    with suppress(DataError):
        for _, row in islice(numbered_rows(path, text[:LAYOUT_CHARACTERS], layout), 2):
            counts.append(len(row))
    return counts or [1]


def _explained(message: str) -> str:
    """The user's terms for a message of Python's csv reader."""
    if "unexpected end of data" in message or "field limit" in message:
        return "a quote opens in this row and is never closed"
    if "expected after" in message:
        return f"text follows a closing quote ({message}); write a quote inside quotes twice"
    return message
