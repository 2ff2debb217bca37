"""The index of a study: its runs as rows of a table, kept in a file so they are not read twice.

The file can always be thrown away: a row counts only while the file it was read from, and
the digests beside it, have the same times and sizes, and its own digest is right.
"""

import gc
import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from operator import itemgetter
from pathlib import Path
from typing import Any

from lepton.errors import Damaged
from lepton.storage.columns import can_hold
from lepton.storage.digests import SUMS_FILE
from lepton.storage.regular_files import read_regular
from lepton.storage.run_folder import FAILURE_FILE, PRUNED_FILE, RESULT_FILE, STATE_SUFFIXES

INDEX_FILE = ".index.json"
INDEX_FORMAT = 5  # raised when rows get other columns
MAX_INDEX_BYTES = 1 << 30
MIN_INDEXED_RUNS = 200  # fewer are read as fast without
FILE_BY_SUFFIX = {"": RESULT_FILE, ".failed": FAILURE_FILE, ".pruned": PRUNED_FILE}

Row = dict[str, Any]
Stamp = tuple[int, int]  # times of change in ns, sizes


def indexed_rows(study: Path, read_row: Callable[[Path], Row]) -> list[Row]:
    """One row for each file that says how a run ended: read from it, or from the index."""
    with _without_collection():
        return _rows(study, read_row)


def _rows(study: Path, read_row: Callable[[Path], Row]) -> list[Row]:
    stamps = dict(_stamped_files(study))
    indexed = _read_index(study) if len(stamps) >= MIN_INDEXED_RUNS else {}
    fresh = {
        name: read_row(study / name)
        for name, stamp in stamps.items()
        if indexed.get(name, (0,))[0] != stamp
    }
    table = {
        name: (stamp, fresh[name] if name in fresh else indexed[name][1])
        for name, stamp in stamps.items()
    }
    if len(table) >= MIN_INDEXED_RUNS and (fresh or len(indexed) > len(table)):
        _write_index(study, table)
    return [row for _, row in table.values()]


@contextmanager
def _without_collection() -> Iterator[None]:
    """Keeps Python from looking for cycles, of which rows have none, among all that were read."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _stamped_files(study: Path) -> Iterator[tuple[str, Stamp]]:
    """The files that say how runs ended: finished runs first, then failed, then pruned ones."""
    with os.scandir(study) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir())
    order = list(FILE_BY_SUFFIX)
    names.sort(key=lambda name: order.index(_suffix(name)) if _suffix(name) in order else 0)
    for name in names:
        if (suffix := _suffix(name)) not in FILE_BY_SUFFIX:
            continue
        path = f"{name}/{FILE_BY_SUFFIX[suffix]}"
        stamp, own_stamp = _stamp(f"{study}/{path}"), _stamp(f"{study}/{name}/{SUMS_FILE}")
        if any(stamp) or any(own_stamp):  # a run with digests alone has lost its result
            yield path, (stamp[0] + own_stamp[0], stamp[1] + own_stamp[1])


def _stamp(path: str) -> Stamp:
    """When a file, or what is known of it, was last changed, and its size; zeros for none."""
    try:
        stat = os.lstat(path)
    except OSError:
        return 0, 0
    return stat.st_mtime_ns + stat.st_ctime_ns, stat.st_size


def _suffix(name: str) -> str:
    suffix = os.path.splitext(name)[1]
    return suffix if suffix in STATE_SUFFIXES else ""


def _read_index(study: Path) -> dict[str, tuple[Stamp, Row]]:
    """The rows of the index; none where it is not there, of another format or damaged."""
    try:
        digest, _, text = read_regular(study / INDEX_FILE, MAX_INDEX_BYTES).partition(b"\n")
        if hashlib.sha256(text).hexdigest().encode() != digest:
            return {}
        content = json.loads(text)
        if content["format"] != INDEX_FORMAT or content["rows"] != len(content["seen"]):
            return {}
        columns = {
            name: _unpack(column, content["rows"]) for name, column in content["columns"].items()
        }
        if not all(can_hold(name, column) for name, column in columns.items()):
            return {}
        sets = [[(name, columns[name]) for name in names] for names in content["sets"]]
        return {
            name: ((modified, size), {key: column[i] for key, column in sets[number]})
            for i, (name, modified, size, number) in enumerate(content["seen"])
        }
    except (OSError, Damaged, ValueError, TypeError, KeyError, IndexError, AttributeError):
        return {}
    except (RecursionError, MemoryError):
        return {}


def _write_index(study: Path, table: dict[str, tuple[Stamp, Row]]) -> None:
    """Writes the index, whole or not at all; a study that cannot be written to has none."""
    sets: dict[tuple[str, ...], int] = {}
    files: list[tuple[str, int, int, int]] = []
    columns: dict[str, list] = {}
    for i, (name, (stamp, row)) in enumerate(table.items()):
        files.append((name, *stamp, sets.setdefault(tuple(row), len(sets))))
        for key, value in row.items():
            if key not in columns:
                columns[key] = [None] * len(table)
            columns[key][i] = value
    packed = {name: _pack(column) for name, column in columns.items()}
    content = {"format": INDEX_FORMAT, "rows": len(table), "sets": list(sets), "seen": files}
    temporary = study / f"{INDEX_FILE}.{os.getpid()}.part"
    with suppress(OSError):
        try:
            text = json.dumps({**content, "columns": packed}, default=str).encode()
            digest = hashlib.sha256(text).hexdigest().encode()
            temporary.write_bytes(digest + b"\n" + text)
            os.replace(temporary, study / INDEX_FILE)
        finally:
            temporary.unlink(missing_ok=True)


def _pack(column: list) -> list:
    """A column as one value when all are the same, which most settings of a study are."""
    first = column[0]
    same = len(set(map(type, column))) == 1 and column.count(first) == len(column)
    return ["same", first] if same else ["each", column]


def _unpack(column: list, count: int) -> list:
    kind, values = column
    return [values] * count if kind == "same" else values


def columns_of(rows: list[Row]) -> dict[str, list]:
    """Rows as columns, in order of appearance; what a row lacks is NaN."""
    sets = {tuple(row): None for row in rows}
    if len(sets) == 1:  # as in most studies, where it is half of the time
        return {name: [*map(itemgetter(name), rows)] for name in next(iter(sets))}
    names = dict.fromkeys(name for keys in sets for name in keys)
    return {name: [row.get(name, math.nan) for row in rows] for name in names}
