"""Which runs of a study train as one stack: decided once, kept in the study, obeyed by everybody.

What a stack computes depends in the last bits on how many runs share it, on a run's place among
them, and on the number of threads. So `runs/STUDY/.stacks/` has a folder for each stack that has
not ended, with its runs in order; and a file with what holds for all of the study's. Whoever goes
on with a killed study, on whichever machine, forms the same stacks.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lepton.errors import Damaged, LeptonError
from lepton.storage.bounded_parsing import parse_json
from lepton.storage.digests import content_digest
from lepton.storage.files import locked_folder, unwritable_study, write_json
from lepton.storage.lock import acquire_lock, release_lock
from lepton.storage.regular_files import read_regular

FOLDER, STACK_FILE, STUDY_FILE = ".stacks", "stack.json", "study.json"
MAX_BYTES = 1 << 28


@dataclass(frozen=True)
class StackRecord:
    """The runs of a stack in the order of its rows, and the CPU threads that it trains with.

    `left`: runs that have left the stack, with the number of epochs that each was in it.
    """

    runs: tuple[str, ...]
    threads: int
    left: Mapping[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the stack's folder, the same for the same runs."""
        digest = hashlib.sha256(json.dumps([*self.runs, self.threads]).encode())
        return digest.hexdigest()[:16]


class StackRecords:
    """The stacks of one study, and the runs that are trained alone, with reasons."""

    def __init__(self, study: Path):
        self.folder = study / FOLDER

    def all(self) -> list[StackRecord]:
        """The stacks that have not ended.

        Raises: LeptonError for a file that is there and cannot be read.
        """
        return [_read(path) for path in sorted(self.folder.glob(f"*/{STACK_FILE}"))]

    def by_run(self) -> dict[str, StackRecord]:
        """The stack of each run that is part of one."""
        return {run: record for record in self.all() for run in record.runs}

    def threads(self, default: int) -> int:
        """The CPU threads that stacks of the study train with: what the first sweep has set."""
        with self._locked():
            content = self._study()
            if "threads" not in content:
                content["threads"] = default
                _write_json(self.folder / STUDY_FILE, content)
            return content["threads"]

    def alone(self) -> dict[str, str]:
        """The runs that stacks have failed to train, with the reasons."""
        return self._study().get("alone", {})

    def _study(self) -> dict[str, Any]:
        path = self.folder / STUDY_FILE
        content = _read_json(path) if os.path.lexists(path) else {}
        if type(content.get("threads", 1)) is not int or type(content.get("alone", {})) is not dict:
            raise _damaged(path)
        return content

    def add(self, stacks: Iterable[Sequence[str]], threads: int) -> None:
        """Records stacks of runs, unless another process has recorded one of a stack's runs."""
        with self._locked():
            recorded = self.by_run()
            for runs in stacks:
                if recorded.keys().isdisjoint(runs):
                    self._write(StackRecord(tuple(runs), threads))

    def note_left(self, record: StackRecord, runs: Iterable[str], epochs: int) -> StackRecord:
        """Notes which runs leave a stack now; returns the record as it is then."""
        left = {**record.left, **dict.fromkeys(runs, epochs)}
        return self._write(StackRecord(record.runs, record.threads, left))

    def remove(self, record: StackRecord) -> None:
        """Forgets a stack that has ended: a run that is trained again is free for another."""
        shutil.rmtree(self.folder / record.name, ignore_errors=True)

    def train_alone(self, runs: Iterable[str], reason: str) -> None:
        """Records that runs are trained alone from now on, and forgets their stacks."""
        runs = list(runs)
        with self._locked():
            for record in self.all():
                if not set(runs).isdisjoint(record.runs):
                    self.remove(record)
            content = self._study()
            content["alone"] = content.get("alone", {}) | dict.fromkeys(runs, reason)
            _write_json(self.folder / STUDY_FILE, content)

    @contextmanager
    def training(self, record: StackRecord) -> Iterator[None]:
        """Lets one process at a time train a stack. Raises: Locked."""
        try:
            lock_file = acquire_lock(self.folder / record.name)
        except OSError as e:
            raise unwritable_study(self.folder, e) from None
        try:
            yield
        finally:
            release_lock(lock_file)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with locked_folder(self.folder):
                yield
        except OSError as e:
            raise unwritable_study(self.folder, e) from None

    def _write(self, record: StackRecord) -> StackRecord:
        folder = self.folder / record.name
        folder.mkdir(parents=True, exist_ok=True)
        _write_json(folder / STACK_FILE, asdict(record))
        return record


def is_stacked(run: Path) -> bool:
    """True for the folder of a run that is part of a stack of its study."""
    return run.name in StackRecords(run.parent).by_run()


def _read(path: Path) -> StackRecord:
    content = _read_json(path)
    try:
        runs, left = content["runs"], content["left"]
        record = StackRecord(tuple(runs), content["threads"], left)
        numbers_are_whole = all(type(n) is int for n in (record.threads, *left.values()))
        if not (runs and numbers_are_whole and all(type(run) is str for run in runs)):
            raise TypeError
    except (KeyError, TypeError, AttributeError):
        raise _damaged(path) from None
    if record.name != path.parent.name:
        raise _damaged(path)
    return record


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a record with its digest, as another order or place changes what a stack computes."""
    write_json(path, {**content, "sha256": content_digest(content)})


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = parse_json(read_regular(path, MAX_BYTES))
    except (OSError, ValueError, RecursionError, Damaged):
        raise _damaged(path) from None
    if not isinstance(content, dict):
        raise _damaged(path)
    digest = content.pop("sha256", None)
    if digest is not None and digest != content_digest(content):  # earlier versions wrote none
        raise _damaged(path)
    return content


def _damaged(path: Path) -> LeptonError:
    return LeptonError(
        f"{path}: not a record of stacks that lepton wrote; remove it, and stacks are formed anew"
    )
