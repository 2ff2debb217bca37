"""What lies in a study's folder as rows, kept in a file so that it is not read twice.

The file can always be thrown away: a row counts only while the file it was read from has the
same time and size.
"""

import json
import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from lepton.storage.run_folder import FAILURE, PRUNED, RESULT, SUFFIXES

INDEX = ".index.json"
FORMAT = 2  # raised when rows get other columns
SMALL = 200  # runs; fewer are read as fast without
SOURCES = {"": RESULT, ".failed": FAILURE, ".pruned": PRUNED}

Row = dict[str, Any]
Stamp = tuple[int, int]  # time of change in ns, size


def rows(study: Path, read) -> list[Row]:
    """What `read` makes of each file that says how a run ended, or what the index knows of it."""
    found = dict(_sources(study))
    known = _known(study) if len(found) >= SMALL else {}
    fresh = {
        name: read(study / name)
        for name, stamp in found.items()
        if known.get(name, (0,))[0] != stamp
    }
    table = {
        name: (stamp, fresh[name] if name in fresh else known[name][1])
        for name, stamp in found.items()
    }
    if len(table) >= SMALL and (fresh or len(known) > len(table)):
        _keep(study, table)
    return [row for _, row in table.values()]


def _sources(study: Path) -> Iterator[tuple[str, Stamp]]:
    with os.scandir(study) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir())
    order = list(SOURCES)
    names.sort(key=lambda name: order.index(_suffix(name)) if _suffix(name) in SOURCES else 0)
    for name in names:
        if (suffix := _suffix(name)) not in SOURCES:
            continue
        path = f"{name}/{SOURCES[suffix]}"
        with suppress(FileNotFoundError):
            stat = os.stat(study / path)
            yield path, (stat.st_mtime_ns, stat.st_size)


def _suffix(name: str) -> str:
    suffix = os.path.splitext(name)[1]
    return suffix if suffix in SUFFIXES else ""


def _known(study: Path) -> dict[str, tuple[Stamp, Row]]:
    """The rows of the index; none where it is not there, of another format or damaged."""
    try:
        kept = json.loads((study / INDEX).read_bytes())
        if kept["format"] != FORMAT:
            return {}
        columns = {name: _spread(column, kept["rows"]) for name, column in kept["columns"].items()}
        sets = [[(name, columns[name]) for name in names] for names in kept["sets"]]
        return {
            name: ((modified, size), {key: column[i] for key, column in sets[number]})
            for i, (name, modified, size, number) in enumerate(kept["seen"])
        }
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        return {}


def _keep(study: Path, table: dict[str, tuple[Stamp, Row]]) -> None:
    """Writes the index, whole or not at all; a study that cannot be written to has none."""
    sets: dict[tuple[str, ...], int] = {}
    seen, columns = [], {}
    for i, (name, (stamp, row)) in enumerate(table.items()):
        seen.append((name, *stamp, sets.setdefault(tuple(row), len(sets))))
        for key, value in row.items():
            if key not in columns:
                columns[key] = [None] * len(table)
            columns[key][i] = value
    packed = {name: _pack(column) for name, column in columns.items()}
    content = {"format": FORMAT, "rows": len(table), "sets": list(sets), "seen": seen}
    part = study / f"{INDEX}.{os.getpid()}.part"
    with suppress(OSError):
        try:
            part.write_text(json.dumps({**content, "columns": packed}, default=str))
            os.replace(part, study / INDEX)
        finally:
            part.unlink(missing_ok=True)


def _pack(column: list) -> list:
    """[number, value] when all values are the same, which most settings of a study are."""
    first = column[0]
    same = all(type(value) is type(first) and value == first for value in column)
    return ["same", first] if same else ["each", column]


def _spread(column: list, count: int) -> list:
    kind, values = column
    return [values] * count if kind == "same" else values


def columns(rows: list[Row]) -> dict[str, list]:
    """Rows as columns, in order of appearance; what a row lacks is NaN."""
    names = dict.fromkeys(name for keys in {tuple(row): None for row in rows} for name in keys)
    return {name: [row.get(name, math.nan) for row in rows] for name in names}
