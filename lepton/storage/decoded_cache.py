"""DecodedCache: keeps what files of a data set were decoded to, for all that read the same ones."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lepton.errors import DataError
from lepton.storage.array_cache import ArrayCache, ArrayEntry
from lepton.storage.cache import cache_key, cached
from lepton.storage.environment import package_versions
from lepton.storage.fingerprint import fingerprint
from lepton.storage.threads import in_threads

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

KEY_BYTES = 16  # of what is the same for files of equal content
UNKEPT = "-seen"  # behind the kind of entries that tell of files without what these became


@dataclass(frozen=True)
class DecodedCache:
    """Where what files of one kind become is kept, and the packages that decode them.

    `format` is raised when the same files would become something else.
    """

    kind: str
    format: int
    packages: tuple[str, ...]

    def entry(
        self,
        files: Iterable[Any],
        shape: "DataclassInstance",
        decode_into: Callable[[ArrayEntry], None],
        *,
        keeps: bool = True,
    ) -> tuple[ArrayEntry, str]:
        """What these files become in a shape, and the name of it; made where it is not there.

        `keeps`: False for an entry that only tells of the files, and lies apart.
        Raises: LeptonError when the cache's folder cannot be written; what `decode_into` raises.
        """
        cache, contents = ArrayCache(self.kind + UNKEPT * (not keeps)), hashlib.sha256()
        for file in files:
            contents.update(fingerprint(file))
        versions = package_versions(self.packages)
        key = cache_key(asdict(shape), contents.hexdigest(), self.format, versions)
        entry = cache.open(key[:16], key[16:])
        if entry is None:
            with cache.writing(key[:16], key[16:]) as entry:
                decode_into(entry)
        return entry, key


@dataclass(frozen=True)
class FilesToDecode:
    """Files that were decoded once and not kept: `read` makes each what it was, when it is asked.

    `threads` work at once, within `around`; with 0 it is the caller's.
    Shapes: keys (N,), the `content_key` of what each file became.
    """

    files: Sequence[Any]
    keys: np.ndarray
    name: Callable[[int], str]
    read: Callable[[Any], np.ndarray]
    threads: int
    around: Callable[[], AbstractContextManager[Any]] = nullcontext

    def take(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """Yields what the files of some rows are. Shapes: rows (N,).

        Raises: DataError that names a file which is gone, or is another one by now.
        """
        files = [self.files[row] for row in rows]
        decoded = in_threads(
            self.read,
            files,
            lambda place: self.name(rows[place]),
            around=self.around,
            count=self.threads,
        )
        for row, values in zip(rows, decoded, strict=True):
            if isinstance(values, DataError):
                raise values
            if np.array(content_key(values), self.keys.dtype) != self.keys[row]:
                raise DataError(f"{self.name(row)}: has changed since the data were read")
            yield values


def kept_numbers(
    key: str, rows: np.ndarray, settings: object, compute: Callable[[], list[float]]
) -> list[float]:
    """Numbers that follow from what some rows of an entry became, computed where none are kept."""
    digest = hashlib.sha256(np.ascontiguousarray(rows, np.int64).data).hexdigest()
    return cached(
        "statistics",
        cache_key(key, digest, settings),
        lambda: json.dumps(compute()).encode(),
        json.loads,
        computed_by=("numpy", "torch"),
    )


def without_errors(decoded: Iterable[Any], errors: dict[int, str]) -> Iterator[tuple[int, Any]]:
    """Yields the rows whose file was decoded, with what it became; `errors` is told the others."""
    for row, result in enumerate(decoded):
        if isinstance(result, DataError):
            errors[row] = str(result)
        else:
            yield row, result


def errors_of(entry: ArrayEntry) -> dict[int, str]:
    """What is wrong with the files of some rows, as `facts["errors"]` of an entry has it."""
    return {int(row): error for row, error in entry.facts["errors"].items()}


def make_keys(entry: ArrayEntry, rows: int) -> np.ndarray:
    """The array `keys` of an entry, to be filled with `content_key` of each row."""
    return entry.make("keys", (rows,), f"S{KEY_BYTES}")


def content_key(values: np.ndarray) -> bytes:
    """Bytes that are the same for equal numbers of one type and shape."""
    return hashlib.blake2b(np.ascontiguousarray(values).data, digest_size=KEY_BYTES).digest()
