"""Finds the run folders that `runs=` means; imports nothing heavy: a mistake costs no time."""

from collections.abc import Iterator, Sequence
from glob import glob, has_magic
from pathlib import Path

from lepton.errors import ConfigError
from lepton.storage.run_folder import (
    CONFIG_FILE,
    RESULT_FILE,
    STATE_SUFFIXES,
    failed_folder,
    may_be_run,
)
from lepton.storage.study_table import study_folder


def find_run_folders(runs: str | Sequence[str]) -> dict[Path, bool]:
    """The run folders that paths, globs and names of studies mean, each once.

    The value is True for a folder that is named itself, not by its study or by a glob.

    Raises: LeptonError when a word names nothing.
    """
    folders: dict[Path, tuple[Path, bool]] = {}
    for name in [runs] if isinstance(runs, str) else runs:
        for path, is_named in _folders_of(name):
            before = folders.get(path.resolve(), (path, False))
            folders[path.resolve()] = before[0], before[1] or is_named
    return dict(folders.values())


def _folders_of(name: str) -> Iterator[tuple[Path, bool]]:
    """The run folders that a path, a glob or the name of a study means, and whether by name."""
    is_glob = has_magic(name)
    if is_glob:
        paths = [Path(path) for path in sorted(glob(str(Path(name).expanduser())))]
        paths = [path for path in paths if path.is_dir()]
        if not paths:
            raise ConfigError(f"runs: {name}: no folder matches (looked in {Path.cwd()})")
    elif (path := Path(name).expanduser()).is_dir() or not failed_folder(path).is_dir():
        paths = [path if _is_run(path) else study_folder(name)]
    else:
        paths = [failed_folder(path)]
    for path in paths:
        if _is_run(path):
            yield path, not is_glob
        else:
            yield from ((p, False) for p in sorted(filter(may_be_run, path.iterdir())))


def _is_run(path: Path) -> bool:
    """True for the folder of a run in any state, and not for a study."""
    has_run_files = (path / RESULT_FILE).is_file() or (path / CONFIG_FILE).is_file()
    return has_run_files or path.suffix in STATE_SUFFIXES
