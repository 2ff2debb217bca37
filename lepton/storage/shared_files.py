"""Files that are the same in many runs of a study, which hold them as one where the disk can.

They are hard links: each run folder is whole by itself, also when it is copied alone or the others
are removed. None is ever written to again: whoever writes one anew puts another file in its place,
which changes no other run.
"""

import os
import stat
from itertools import islice
from pathlib import Path

from lepton.storage.files import locked_folder

LOOKED_AT = 256  # runs at most, among which a file of the same content is looked for
LAST_SHARED: dict[tuple[Path, str], list[Path]] = {}  # in this process, by study and file
REMEMBERED = 16


def share_files(source: Path, folder: Path) -> None:
    """Gives the folder of a run all files of another one, shared with the runs beside it."""
    files = [path.relative_to(source) for path in sorted(source.rglob("*")) if path.is_file()]
    with locked_folder(folder.parent):  # of two that begin at once, one finds the other's
        for name in files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            _place((source / name).read_bytes(), folder, name)


def _place(content: bytes, folder: Path, name: Path) -> None:
    """Puts a content in a file's place, as a link where the file system has them, else written."""
    target = folder / name
    new = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        if not _link(content, new, folder, name):
            new.write_bytes(content)
            key = folder.parent.absolute(), str(name)
            paths = [target, *LAST_SHARED.get(key, [])][:REMEMBERED]
            LAST_SHARED[key] = paths
        os.replace(new, target)
    finally:
        new.unlink(missing_ok=True)  # a rename onto another link to the same file does nothing


def _link(content: bytes, new: Path, folder: Path, name: Path) -> bool:
    """Links the file of another run that has this content; False where there is none, or the file
    system has no links, or no more of this file."""
    for neighbour in _neighbours(folder, name):
        try:
            if _holds(neighbour / name, content):
                os.link(neighbour / name, new, follow_symlinks=False)
                return True
        except OSError:
            continue  # gone at this moment, or with as many links as it can have
    return False


def _neighbours(folder: Path, name: Path) -> list[Path]:
    """Run folders beside this one: those this process wrote such a file to, then some others."""
    written = LAST_SHARED.get((folder.parent.absolute(), str(name)), [])
    depth = len(name.parts) - 1
    own = [path for target in written for path in [target.parents[depth]] if path != folder]
    finished = [path.with_suffix("") for path in own if path.suffix == ".part"]
    with os.scandir(folder.parent) as entries:
        others = (
            Path(entry.path)
            for entry in entries
            if entry.name != folder.name
            and not entry.name.startswith(".")
            and entry.is_dir(follow_symlinks=False)
        )
        return [*finished, *own, *islice(others, LOOKED_AT)]


def _holds(path: Path, content: bytes) -> bool:
    """True for a regular file of this content."""
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode) or status.st_size != len(content):
        return False
    return path.read_bytes() == content
