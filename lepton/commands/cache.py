"""`lepton cache [clear] [WHAT ...] [--older AGE]`: shows what is kept on the disk, or clears it.

What takes time to compute is kept for further runs, and is always made again where it is not there:
clearing costs time alone. What a process uses at this moment stays.

  clear                 removes what else would be shown
  WHAT                  kinds of entries, as the first column names them (all)
  --older AGE           what was not used for so long: 12h, 30d

examples:
  lepton cache
  lepton cache clear pictures clips
  lepton cache clear --older 30d
"""

import time
from collections.abc import Iterable, Sequence
from datetime import datetime

from lepton.commands.argument_parser import CommandParser
from lepton.errors import LeptonError, did_you_mean
from lepton.foreign_text import say
from lepton.storage.cache_entries import FOLDER_VARIABLE, CacheEntry, cache_entries, cache_folder
from lepton.storage.cache_limit import LIMIT_VARIABLE, given_limit, limit_bytes
from lepton.values.time_span import read_span

USAGE = "usage: lepton cache [clear] [WHAT ...] [--older AGE]"
CLEAR = "clear"  # the word
UNITS = {"GB": 1e9, "MB": 1e6, "kB": 1e3}


def main(arguments: Sequence[str]) -> int:
    """Prints a line for each kind of entry, or what was removed."""
    parser = CommandParser("cache", USAGE)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--older", metavar="AGE")
    options = parser.parse_args(arguments)
    clears = options.words[:1] == [CLEAR]
    given_limit()  # a mistake in it is said before anything is done
    if (folder := cache_folder()).exists() and not folder.is_dir():
        raise LeptonError(f"{FOLDER_VARIABLE}={folder}: is no folder; name one, or none")
    entries = _chosen(options.words[clears:], options.older)
    say("\n".join(_clear(entries) if clears else _table(entries)))
    return 0


def _chosen(kinds: Sequence[str], older: str | None) -> list[CacheEntry]:
    """The entries that the words name, the longest unused first.

    Raises: LeptonError for a kind that the cache does not hold, and for what is no age.
    """
    entries = cache_entries()
    present = sorted({entry.kind for entry in entries})
    for kind in kinds:
        if kind not in present:
            held = f"it holds {', '.join(present)}" if present else "it is empty"
            hint = did_you_mean(kind, [*present, CLEAR])
            raise LeptonError(f"cache: no {kind!r} in {cache_folder()}{hint}; {held}")
    age = 0.0 if older is None else read_span(older)
    if age is None:
        raise LeptonError(f"cache: --older {older}: is no span of time; write 12h or 30d")
    latest = time.time() - age
    return [
        entry
        for entry in entries
        if (not kinds or entry.kind in kinds) and (older is None or entry.used <= latest)
    ]


def _clear(entries: Sequence[CacheEntry]) -> list[str]:
    """Removes entries; says how many, and how many are in use."""
    removed = [entry for entry in entries if entry.remove()]
    lines = [f"{cache_folder()}: removed {_counted(len(removed))}, {_size(removed)}"]
    if in_use := len(entries) - len(removed):
        lines.append(f"{_counted(in_use)} in use, or not allowed to be removed: left")
    return lines


def _table(entries: Sequence[CacheEntry]) -> list[str]:
    """A line for each kind, the largest first, then the folder and its limit."""
    by_kind: dict[str, list[CacheEntry]] = {}
    for entry in entries:
        by_kind.setdefault(entry.kind, []).append(entry)
    rows = [
        [kind, str(len(own)), _size(own), _day(own[0].used), _day(own[-1].used)]
        for kind, own in sorted(by_kind.items(), key=lambda item: -_bytes(item[1]))
    ]
    rows.insert(0, ["what", "entries", "size", "longest unused since", "last used"])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows if by_kind else []:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    of_disk = "half of its disk; " if given_limit() is None else ""
    return [
        *lines,
        f"{cache_folder()}: {_counted(len(entries))}, {_size(entries)} ({FOLDER_VARIABLE})",
        f"limit: {limit_bytes() / 1e9:.3g} GB ({of_disk}{LIMIT_VARIABLE})",
    ]


def _bytes(entries: Iterable[CacheEntry]) -> int:
    return sum(entry.bytes for entry in entries)


def _size(entries: Iterable[CacheEntry]) -> str:
    size = _bytes(entries)
    unit = next((name for name, factor in UNITS.items() if size >= factor), "kB")
    return f"{size / UNITS[unit]:.3g} {unit}"


def _counted(count: int) -> str:
    return f"{count} entr{'y' if count == 1 else 'ies'}"


def _day(used: float) -> str:
    return datetime.fromtimestamp(used).strftime("%Y-%m-%d %H:%M")
