"""Reads a folder that has a folder of files for each class."""

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from lepton.config.words import shell_word
from lepton.errors import DataError
from lepton.foreign_text import printable

SPLIT_NAMES = {"train": "path", "training": "path", "test": "test_path", "testing": "test_path"}


def files_by_class(
    folder: Path, endings: Collection[str], *, what: str, least_classes: int = 2
) -> tuple[list[tuple[str, str]], list[str]]:
    """(path, class) of each file below a folder of a class, in order; and the files left out.

    Left out are hidden files without a word, and others that have another ending, or lie in no
    class's folder. `endings` are in small letters.
    Raises: DataError for a folder with fewer classes than `least_classes`, or with splits for them.
    """
    classes = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    if links := [path for path in classes if path.is_symlink()]:
        raise DataError(
            f"{printable(links[0], one_line=True)}: a link to a folder, whose files are no part of "
            f"{folder}; a folder of files is right, or links to them"
        )
    names = {path.name.lower(): path for path in classes}
    if splits := [name for name in names if name in SPLIT_NAMES]:
        advice = {SPLIT_NAMES[name]: names[name] for name in splits}
        if any(child.is_dir() for path in advice.values() for child in path.iterdir()):
            keys = " ".join(f"dataset.{k}={shell_word(str(p))}" for k, p in sorted(advice.items()))
            raise DataError(f"{folder}: its folders are splits, not classes; give {keys}")
    files: list[tuple[str, str]] = []
    strays = [p.name for p in sorted(folder.iterdir()) if p.is_file() and is_seen(p.name)]
    for path in classes:
        inside = sorted(files_below(str(path)), key=lambda name: name.split(os.sep))
        fitting = [name for name in inside if os.path.splitext(name)[1].lower() in endings]
        files += [(name, path.name) for name in fitting]
        left_out = sorted({*inside} - {*fitting}, key=lambda name: name.split(os.sep))
        strays += [os.path.relpath(name, folder) for name in left_out]
        if not fitting:
            name = printable(path, one_line=True)
            raise DataError(f"{name}: no {what} in the folder of this class")
    refuse_other_names(name for name, _ in files)
    if len(classes) < least_classes:
        found = f"one folder, {classes[0].name}" if classes else "none"
        least = {1: "one", 2: "two"}.get(least_classes, least_classes)
        raise DataError(
            f"{folder}: a folder of {what}s for each class is right, {least} at least; "
            f"it has {found}"
        )
    return files, strays


def files_below(folder: str) -> Iterator[str]:
    """The paths of the files of a folder and those in it, of which links are left out.

    What is called as a file and is none is among them, so that reading tells of each.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from files_below(entry.path)
            elif is_seen(entry.name) and not (entry.is_symlink() and os.path.isdir(entry.path)):
                yield entry.path


def refuse_other_names(paths: Iterable[str]) -> None:
    """Raises: DataError for a name that is no text, as the names of old archives are."""
    for path in paths:
        if not path.isascii():
            try:
                path.encode()
            except UnicodeEncodeError:
                name = printable(path, one_line=True)
                raise DataError(f"{name}: the name is no UTF-8; rename it") from None


def is_seen(name: str) -> bool:
    """False for the name of a hidden file, or of one that a system puts beside pictures."""
    return not name.startswith(".") and name not in ("Thumbs.db", "desktop.ini")
