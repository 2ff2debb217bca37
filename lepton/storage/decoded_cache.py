"""DecodedCache: keeps what files of a data set were decoded to, for all that read the same ones."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lepton.errors import DataError
from lepton.storage.array_cache import ArrayCache, ArrayEntry
from lepton.storage.cache import cache_key
from lepton.storage.environment import package_versions
from lepton.storage.fingerprint import fingerprint

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

KEY_BYTES = 16  # of what is the same for files of equal content


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
    ) -> tuple[ArrayEntry, str]:
        """What these files become in a shape, and the name of it; made where it is not there.

        Raises: LeptonError when the cache's folder cannot be written; what `decode_into` raises.
        """
        cache, contents = ArrayCache(self.kind), hashlib.sha256()
        for file in files:
            contents.update(fingerprint(file))
        versions = package_versions(self.packages)
        key = cache_key(asdict(shape), contents.hexdigest(), self.format, versions)
        entry = cache.open(key[:16], key[16:])
        if entry is None:
            with cache.writing(key[:16], key[16:]) as entry:
                decode_into(entry)
        return entry, key


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
