"""Reads files of runs: all that lepton reads of a run's folder comes through here.

Only regular files are read, held to the digest that they were written with, within limits on
bytes, depth, values and expansion. Whatever else goes wrong is a `Damaged` in one line.
"""

import hashlib
import io
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lepton.errors import Damaged, LeptonError
from lepton.storage.bounded_parsing import parse_json, parse_yaml
from lepton.storage.digests import check_digest, checked_sha256, damaged_files, read_sums
from lepton.storage.limits import check_limit, read_limit
from lepton.storage.regular_files import open_regular, read_at_most

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

MEGABYTE = 1_000_000
NOT_OF_A_MODEL = (
    *("predictions/", "evaluation/", "callbacks/", "history.parquet", "log.txt"),
    *("environment.json", "overrides.yaml"),
)
MAX_LINES = 3  # of damaged files in a message


@contextmanager
def naming_damage(path: Path, what: str = "") -> Iterator[None]:
    """Turns all that goes wrong with a file into one line that names it, and what it should be.

    Raises: Damaged; FileNotFoundError and LeptonError as they are.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except LeptonError as e:
        if str(e).startswith(str(path.parent)):
            raise
        raise type(e)(f"{path}: {e}") from None
    except (Exception, RecursionError, MemoryError) as e:
        why = getattr(e, "strerror", None) or " ".join(f"{e}".split())[:300]
        kind = type(e).__name__
        named = f"lacks {why}" if isinstance(e, KeyError) else why or kind
        said = f"not {what} ({named}); remove the folder" if what else f"cannot be read ({named})"
        raise Damaged(f"{path}: {said}") from None


def read_run_bytes(folder: Path, name: str, limit: str = "text_mb") -> bytes:
    """The content of a file of a run, as it was written.

    Raises: FileNotFoundError where there is none; Damaged for anything else.
    """
    most = read_limit(limit) * MEGABYTE
    with open_regular(folder, name) as file:
        content = read_at_most(file, most + 1)
    if len(content) > most:
        with naming_damage(folder / name):
            check_limit(limit, (folder / name).stat().st_size // MEGABYTE + 1)
    check_digest(folder, name, hashlib.sha256(content).hexdigest())
    return content


def read_run_json(folder: Path, name: str, what: str = "") -> Any:
    """The value in a JSON file of a run. Raises: as `read_run_bytes`; Damaged for no JSON."""
    content = read_run_bytes(folder, name)
    with naming_damage(folder / name, what):
        return parse_json(content)


def read_run_yaml(folder: Path, name: str, what: str = "") -> Any:
    """The value in a YAML file of a run. Raises: as `read_run_bytes`; Damaged for no YAML."""
    content = read_run_bytes(folder, name, "yaml_mb")
    with naming_damage(folder / name, what):
        return parse_yaml(content)


def checked_path(folder: Path, name: str) -> Path:
    """The path of a file of a run for libraries that read it themselves, held to its digest.

    Raises: FileNotFoundError where there is none; Damaged when it is not what was written.
    """
    if read_sums(folder) is None:
        open_regular(folder, name).close()
    else:
        check_digest(folder, name, checked_sha256(folder, name))
    return folder / name


def read_run_table(folder: Path, name: str, columns: list[str] | None = None) -> "pd.DataFrame":
    """The table in a Parquet file of a run. Raises: as `read_run_bytes`."""
    path = checked_path(folder, name)
    with naming_damage(path):
        return _table(path, columns)


def read_table_bytes(content: bytes) -> "pd.DataFrame":
    """The table in the content of a Parquet file. Raises: Damaged, or whatever the reader does."""
    return _table(io.BytesIO(content), None)


def _table(source: Any, columns: list[str] | None) -> "pd.DataFrame":
    import pandas as pd

    from lepton.storage.bounded_tables import check_table

    check_table(source)
    return pd.read_parquet(source, columns=columns)


def read_run_tensors(folder: Path, name: str) -> "dict[str, Tensor]":
    """The tensors in a safetensors file of a run. Raises: as `read_run_bytes`."""
    from safetensors.torch import load_file

    path = checked_path(folder, name)
    with naming_damage(path):
        _check_tensor_header(path)
        return load_file(path)


def read_run_shapes(folder: Path, name: str) -> dict[str, tuple[int, ...]]:
    """The shapes of the tensors in a safetensors file of a run. Raises: as `read_run_bytes`."""
    from safetensors import safe_open

    path = checked_path(folder, name)
    with naming_damage(path):
        _check_tensor_header(path)
        with safe_open(path, framework="pt") as file:
            return {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118


def _check_tensor_header(path: Path) -> None:
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
    if size < path.stat().st_size:  # else the reader refuses it
        check_limit("header_mb", size // MEGABYTE)


def read_run_skops(
    folder: Path, name: str, trusted: Collection[str], refuse: Callable[[str], str]
) -> Any:
    """The content of a skops file of a run that holds no other types than these and skops' own.

    `refuse` makes of the names of other types what is said of them.

    Raises: as `read_run_bytes`; LeptonError when it holds another type.
    """
    import skops.io

    from lepton.storage.bounded_archives import check_archive

    path = checked_path(folder, name)
    with naming_damage(path):
        check_archive(path)
        if foreign := sorted(set(skops.io.get_untrusted_types(file=path)) - set(trusted)):
            raise LeptonError(f"{path}: {refuse(', '.join(foreign))}")
        return skops.io.load(path, trusted=sorted(trusted))


def check_model_files(folder: Path, libraries: Collection[str] = ()) -> None:
    """Looks at all that a run's model may be loaded from, before any of it is.

    `libraries` are folders of the run that other libraries read by themselves.

    Raises: Damaged for a file that is not what was written, a link or a pipe.
    """
    if lines := damaged_files(folder, NOT_OF_A_MODEL, needed=False):
        raise Damaged(f"{folder}: damaged: {'; '.join(lines[:MAX_LINES])}")
    for parent, folders, names in chain.from_iterable(os.walk(folder / n) for n in libraries):
        for name in (*folders, *names):
            path = Path(parent, name)
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise Damaged(f"{path}: a link or a pipe, where lepton writes files alone")
