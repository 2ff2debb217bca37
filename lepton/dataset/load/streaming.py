"""Data that are larger than a budget of memory: their splits lie in the cache, and are mapped."""

import inspect
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.clean.selection import Selection
from lepton.dataset.load.split_arrays import StreamedArrays
from lepton.spec import DataSpec
from lepton.storage.array_cache import ArrayCache, ArrayEntry
from lepton.storage.cache import cache_key
from lepton.storage.environment import package_versions
from lepton.storage.file_digests import digests_of
from lepton.storage.machine_memory import usable_memory
from lepton.storage.scratch import release_memory

if TYPE_CHECKING:
    from lepton.dataset.data import Data
    from lepton.dataset.inputs.kind import InputKind

FORMAT = 5  # of an entry of the cache; raised when the same data would be prepared in another way
SHARE = 0.5  # of the machine's memory, where no budget is given
SPEC_FILE = "spec.json"
PACKAGES = (
    *("lepton-experiments", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy"),
    *("tokenizers", "transformers"),
)
GIGABYTE = 1e9


@dataclass(frozen=True)
class FileSource:
    """The files of a data set, and the options that they are read by.

    `whole`: why they can only be read whole; None where they come in blocks of rows.
    Units: `bytes` of memory that preparing all rows at once takes, about.
    """

    paths: list[str]
    options: dict[str, Any]
    bytes: int
    whole: str | None = None


def budget_bytes(memory_gb: float | None) -> float:
    """What a data set may take of memory: as given, or a share of the machine's."""
    return SHARE * usable_memory() if memory_gb is None else memory_gb * GIGABYTE


def excess_of(size: int, memory_gb: float | None) -> str | None:
    """What rows take of memory, in words, where it is more than the budget; else None.

    Units: bytes.
    """
    return excess_words(size, memory_gb, budget_bytes(memory_gb), "memory", "memory_gb")


def excess_words(
    size: int, given_gb: float | None, budget: float, what: str, key: str
) -> str | None:
    """What rows take of memory or disk, in words, where it is more than the budget; else None."""
    if size <= budget:
        return None
    words = f"{budget / GIGABYTE:.3g}"
    words = f"null, {words} here" if given_gb is None else words
    return f"about {size / GIGABYTE:.3g} GB of {what}, more than dataset.{key}={words}"


def set_up(data: "Data", prepare: Callable[[], None]) -> None:
    """Sets up a data set: in memory, or streamed where it exceeds its budgets."""
    source = data.stream_source()
    reasons = [source and source.whole, *(kind.whole for kind in data.inputs)]
    whole = next(filter(None, reasons), None)
    excess = source and excess_of(source.bytes, data.memory_gb)
    copies = 2 if excess else 1  # on the disk: of what files become, and of the splits
    if decoded_by_batch := data.decode_by_batch(source, copies):
        prepare()
        data.streamed_from = decoded_by_batch
        return
    if source and excess and not whole:
        folder = _set_up_streamed(data, source, prepare)
        data.streamed_from = f"{folder}: they would take {excess}"
        return
    prepare()
    if source is None:
        arrays = [values for rows in data.splits.values() for values in rows.values()]
        size = sum(array.nbytes for array in arrays)
        excess = excess_of(size, data.memory_gb)
        whole = f"{type(data).__qualname__} reads or prepares them in a way of its own"
    if excess:
        data.read_whole = f"they take {excess}, but {whole}"


def reads_as(data: "Data", base: type["Data"]) -> bool:
    """False for a class of the user's own that reads or prepares in another way than `base`."""
    return all(
        getattr(type(data), method) is getattr(base, method)
        for method in ("read", "prepare", "rows_by_split")
    )


def _set_up_streamed(data: "Data", source: FileSource, prepare: Callable[[], None]) -> Path:
    """Sets up a data set whose splits lie in the cache; returns the folder.

    `prepare` sets it up in full, into its `arrays`, where the cache has no such entry.
    """
    name, key = _identity(data, source)
    cache = ArrayCache("streamed")
    entry = cache.open(name, key)
    if entry is None:
        with cache.writing(name, key) as entry:
            data.arrays = StreamedArrays(entry)
            prepare()
            data.save(entry.folder)
            data.spec.save(entry.folder / SPEC_FILE)
            entry.facts = {
                "inputs": [kind.facts() for kind in data.inputs],
                "notes": [vars(note) for note in data.notes],
                "splits": {split: list(rows) for split, rows in data.splits.items()},
                "groups": None if data.groups is None else data.groups.tolist(),
            }
            data.splits = {}
    _restore(data, entry)
    release_memory()
    return entry.folder


def _restore(data: "Data", entry: ArrayEntry) -> None:
    data.spec = DataSpec.load(entry.folder / SPEC_FILE)
    for kind, facts in zip(data.inputs, entry.facts["inputs"], strict=True):
        kind.restore(entry.folder, data.spec, facts)
    data.notes = [CleaningNote(**note) for note in entry.facts["notes"]]
    groups = entry.facts["groups"]
    data.groups = None if groups is None else np.array(groups)
    data.splits = {
        split: {name: torch.from_numpy(entry.read(f"{split}.{name}")) for name in names}
        for split, names in entry.facts["splits"].items()
    }


def _identity(data: "Data", source: FileSource) -> tuple[str, str]:
    """The name of what is prepared, and a key of all that the result follows from."""
    kinds = [(kind, kind in data.inputs) for kind in (*data.inputs, *data.unread_inputs)]
    settings = {
        "paths": [str(Path(path).expanduser().resolve()) for path in source.paths],
        "options": source.options,
        "target": [data.target, data.task, data.positive, data.max_numeric_classes],
        "split": asdict(data.split_settings),
        "weight": asdict(data.weights),
        "inputs": [[kind.name, is_read, _described(kind)] for kind, is_read in kinds],
    }
    if data.selection != Selection():
        settings["selection"] = asdict(data.selection)
    name = json.dumps([type(data).__qualname__, settings], sort_keys=True, default=repr)
    contents = digests_of(source.paths)
    makers = [data, *(maker for kind, _ in kinds for maker in _makers(kind))]
    own_code = None
    if data.read_target is not None or not all(map(_is_shipped, makers)):
        own_code = uuid.uuid4().hex  # code of the user's may change from one run to the next
    key = cache_key(name, contents, package_versions(PACKAGES), FORMAT, own_code)
    return cache_key(name)[:16], key


def _described(kind: "InputKind") -> dict[str, Any]:
    """The settings of a kind, its parts by their class and what they hold."""
    return {
        name: [type(value).__qualname__, vars(value)] if hasattr(value, "__dict__") else value
        for name, value in kind.settings().items()
    }


def _makers(kind: "InputKind") -> Iterator[object]:
    """Yields all objects whose code makes the inputs of a kind."""
    yield kind
    yield from (value for value in kind.settings().values() if hasattr(value, "__dict__"))


def _is_shipped(instance: object) -> bool:
    """True for an object of a class of lepton's own."""
    module = inspect.getmodule(type(instance))
    return module is not None and module.__name__.startswith("lepton.")
