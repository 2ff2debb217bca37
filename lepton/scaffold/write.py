"""Writes a new project, or a new option of one, of the template's files; never over a file."""

import importlib.util
import keyword
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from lepton.config.options import find_options
from lepton.config.project_file import KEY, PROJECT_FILE, own_packages
from lepton.errors import LeptonError, did_you_mean
from lepton.foreign_text import printable
from lepton.scaffold.template import (
    KINDS,
    PACKAGE,
    filled,
    option_words,
    template_files,
)

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
FOLDERS = ("conf", "tests", "runs", "reports")  # of a project, beside its package


def new_project(name: str) -> list[Path]:
    """Makes a folder with a project of this name; returns its files.

    Raises: LeptonError for a name that is none or is taken, and where nothing can be written.
    """
    _refuse_bad_name(name, "project")
    if Path(name).exists() or Path(name).is_symlink():
        raise LeptonError(f"{name}: is there already; nothing was written")
    if name in FOLDERS or importlib.util.find_spec(name) is not None:
        raise LeptonError(f"{name}: Python has a module of this name, or a project its folder")
    files = filled(template_files(), {PACKAGE: name})
    try:
        unfinished = Path(tempfile.mkdtemp(prefix=f".{name}.", dir="."))
        try:
            _write(unfinished, files)
            unfinished.chmod(0o755)
            unfinished.rename(name)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    except OSError as e:
        raise LeptonError(f"{name}: cannot be written here ({e.strerror})") from e
    return [Path(name) / path for path in files]


def new_option(kind_name: str, name: str) -> list[Path]:
    """Makes the files of a new option in the project of the working directory; returns them.

    Raises: LeptonError for a kind that there is not, a name that is none or is taken, and outside
        of a project.
    """
    if kind_name not in KINDS:
        hint = did_you_mean(kind_name, KINDS)
        kind_text = printable(kind_name, one_line=True)
        raise LeptonError(f"new {kind_text}: no such kind{hint} (project, {', '.join(KINDS)})")
    kind = KINDS[kind_name]
    _refuse_bad_name(name, kind_name)
    package = _package_here()
    if name in find_options().get(kind.group, {}):
        raise LeptonError(f"{kind.group}={name}: is an option already; nothing was written")
    files = filled(kind.files, option_words(kind, name) | {PACKAGE: package})
    if existing := next((path for path in files if Path(path).exists()), None):
        raise LeptonError(f"{existing}: is there already; nothing was written")
    _write(Path(), files)
    return [*map(Path, files)]


def _package_here() -> str:
    """The package of the project in the working directory."""
    folders = [name for name in own_packages() if Path(name).is_dir()]
    if not folders:
        raise LeptonError(
            f"new: no {PROJECT_FILE} here whose {KEY} names a folder; "
            "`lepton new project NAME` makes a project"
        )
    return folders[0]


def _refuse_bad_name(name: str, kind: str) -> None:
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        example = "credit_risk" if kind == "project" else KINDS[kind].option
        raise LeptonError(
            f"new {kind} {printable(name, one_line=True)}: a name is a Python module's, of small "
            f"letters, digits and underscores, as {example}"
        )


def _write(folder: Path, files: Mapping[str, str]) -> None:
    """Writes new files; those that were written are taken back where one cannot be.

    Raises: LeptonError.
    """
    written = list[Path]()
    try:
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                file.write(text)
    except OSError as e:
        for path in written:
            path.unlink(missing_ok=True)
        raise LeptonError(f"{e.filename or folder}: cannot be written ({e.strerror})") from e
