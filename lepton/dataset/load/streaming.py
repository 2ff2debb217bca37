"""Data that are larger than a budget of memory: their splits lie in the cache, and are mapped."""

import inspect
import json
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.load.split_arrays import StreamedArrays
from lepton.preprocessing.table import TablePreprocessing
from lepton.pretrained.weight_files import file_sha256
from lepton.spec import DataSpec
from lepton.storage.array_cache import ArrayCache, ArrayEntry
from lepton.storage.cache import cache_key
from lepton.storage.environment import package_versions
from lepton.storage.machine_memory import usable_memory
from lepton.storage.scratch import release_memory

if TYPE_CHECKING:
    from lepton.dataset.tabular import TabularData

FORMAT = 1  # of an entry of the cache; raised when the same data would be prepared in another way
SHARE = 0.5  # of the machine's memory, where no budget is given
SPEC_FILE, PREPROCESSING_FILE = "spec.json", "preprocessing.skops"
PACKAGES = ("lepton-experiments", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy")
GIGABYTE = 1e9


@dataclass(frozen=True)
class FileSource:
    """The files of a data set, and the options that they are read by.

    Units: `bytes` of memory that preparing all rows at once takes, about.
    """

    paths: list[str]
    options: dict[str, Any]
    bytes: int


def budget_bytes(memory_gb: float | None) -> float:
    """What a data set may take of memory: as given, or a share of the machine's."""
    return SHARE * usable_memory() if memory_gb is None else memory_gb * GIGABYTE


def excess_of(size: int, memory_gb: float | None) -> str | None:
    """What rows take of memory, in words, where it is more than the budget; else None.

    Units: bytes.
    """
    budget = budget_bytes(memory_gb)
    if size <= budget:
        return None
    words = f"{budget / GIGABYTE:.3g}"
    words = f"null, {words} here" if memory_gb is None else words
    return f"about {size / GIGABYTE:.3g} GB of memory, more than dataset.memory_gb={words}"


def set_up_streamed(data: "TabularData", source: FileSource, prepare: Callable[[], None]) -> Path:
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
            data.preprocessor.save(entry.folder / PREPROCESSING_FILE)
            data.spec.save(entry.folder / SPEC_FILE)
            entry.facts = {
                "kinds": data.kinds,
                "notes": [vars(note) for note in data.notes],
                "splits": {split: list(rows) for split, rows in data.splits.items()},
            }
            data.splits = {}
    _restore(data, entry)
    release_memory()
    return entry.folder


def _restore(data: "TabularData", entry: ArrayEntry) -> None:
    data.table_inputs.kinds = entry.facts["kinds"]
    data.table_inputs.preprocessor = TablePreprocessing.load(entry.folder / PREPROCESSING_FILE)
    data.spec = DataSpec.load(entry.folder / SPEC_FILE)
    data.notes = [CleaningNote(**note) for note in entry.facts["notes"]]
    data.splits = {
        split: {name: torch.from_numpy(entry.read(f"{split}.{name}")) for name in names}
        for split, names in entry.facts["splits"].items()
    }


def _identity(data: "TabularData", source: FileSource) -> tuple[str, str]:
    """The name of what is prepared, and a key of all that the result follows from."""
    preprocessor = data.preprocessor
    settings = {
        "paths": [str(Path(path).expanduser().resolve()) for path in source.paths],
        "options": source.options,
        "target": [data.target, data.task, data.positive, data.max_numeric_classes],
        "split": asdict(data.split_settings),
        "columns": [data.columns, data.table_inputs.min_identifier_values],
        "preprocessing": [type(preprocessor).__qualname__, vars(preprocessor)],
    }
    name = json.dumps([type(data).__qualname__, settings], sort_keys=True, default=repr)
    contents = [file_sha256(Path(path).expanduser()) for path in source.paths]
    own_code = None
    if data.read_target is not None or not all(map(_is_shipped, (data, preprocessor))):
        own_code = uuid.uuid4().hex  # code of the user's may change from one run to the next
    key = cache_key(name, contents, package_versions(PACKAGES), FORMAT, own_code)
    return cache_key(name)[:16], key


def _is_shipped(instance: object) -> bool:
    """True for an object of a class of lepton's own."""
    module = inspect.getmodule(type(instance))
    return module is not None and module.__name__.startswith("lepton.")
