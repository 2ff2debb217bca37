"""Checkpoints of a run: written whole, verified when read, the one before kept, no pickled code."""

import hashlib
import io
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from lepton.config.identity import canonical_config
from lepton.errors import Damaged, LeptonError
from lepton.storage.environment import training_versions
from lepton.storage.files import write_bytes
from lepton.storage.regular_files import open_regular
from lepton.storage.run_folder import CHECKPOINT_FOLDER
from lepton.trainer.default import resolve_precision, takes_cuda

log = logging.getLogger("lepton")
MAGIC = b"lepton checkpoint 2\n"
LAST_FILE, PREVIOUS_FILE = "last.ckpt", "previous.ckpt"
DIGEST_LENGTH = 64  # hexadecimal digits of SHA-256


class Checkpoints:
    """The two checkpoint files of one run, the last and the previous.

    `about` is what must be equal for training to go on from one. `prefix` begins the files' names
    where a training has several phases.
    """

    @classmethod
    def of_run(
        cls, folder: Path, config: dict[str, Any], *, trained: str, prefix: str = ""
    ) -> "Checkpoints":
        """The checkpoints in the unfinished folder of a run `trained` alone or in a stack."""
        about = {
            "config": canonical_config(config),
            "versions": training_versions(),
            "trained": trained,
        }
        if config["trainer"]["precision"] == "auto":
            about["precision"] = resolve_precision(config["trainer"])
        if takes_cuda(config["trainer"]["accelerator"]):
            about["device"] = "cuda"  # rounds and draws otherwise than a CPU
        return cls(folder / CHECKPOINT_FOLDER, about, prefix)

    def __init__(self, folder: Path, about: dict[str, Any], prefix: str = ""):
        self.folder, self.about = folder, json.loads(json.dumps(about, default=str))
        self.last = folder / f"{prefix}{LAST_FILE}"
        self.previous = folder / f"{prefix}{PREVIOUS_FILE}"

    def check_space(self, size: int) -> None:
        """Checks before the first step that two checkpoints of so many bytes can be written.

        Raises: LeptonError when the folder cannot be written or the disk has no room.
        """
        parents = (self.folder, *self.folder.absolute().parents)
        nearest = next(path for path in parents if path.exists())
        if not (nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)):
            raise LeptonError(f"{self.folder}: checkpoints cannot be written there")
        free = shutil.disk_usage(nearest).free
        if free < 2 * size:
            raise LeptonError(
                f"{self.folder}: {free / 1e6:.1f} MB are free on the disk, and two checkpoints "
                f"need {2 * size / 1e6:.1f} MB: no space to train this run"
            )

    def save(self, state: dict[str, Any]) -> None:
        """Writes a state as the last checkpoint, and keeps the one that was the last.

        Raises: LeptonError when it cannot be written; the one before is whole then.
        """
        try:
            self.folder.mkdir(exist_ok=True)
            for path in (self.last, self.previous):
                if path.is_dir():  # which no file can take the place of
                    _remove(path)
            if self.last.exists():
                os.replace(self.last, self.previous)
            write_bytes(self.last, pack({"about": json.dumps(self.about), "state": state}))
        except OSError as e:
            reason = e.strerror or str(e)
            raise LeptonError(
                f"{self.last}: the checkpoint cannot be written ({reason}); mend that, and the "
                "same command goes on from the one before"
            ) from None

    def load(
        self, is_wanted: Callable[[dict[str, Any]], bool] | None = None
    ) -> dict[str, Any] | None:
        """The newest state that is whole and wanted, or None; removes damaged files and warns of
        them.

        Raises: LeptonError when it is of another config.
        """
        for path, content in self._whole_files():
            about = json.loads(content["about"])
            config, current_config = about.get("config", {}), self.about.get("config", {})
            if differing := sorted(differences(config, current_config)):
                raise LeptonError(
                    f"{path}: a checkpoint of another config ({'; '.join(differing)}); remove "
                    f"{path.parent} to train anew"
                )
            if about != self.about:
                differing = "; ".join(sorted(differences(about, self.about)))
                log.warning("%s: made otherwise (%s); training starts anew", path, differing)
                return None
            if is_wanted is None or is_wanted(content["state"]):
                return content["state"]
        return None

    def peek(self) -> dict[str, Any] | None:
        """The state that `load` would return, or None; warns of nothing and removes nothing."""
        return next(self.peek_all(), None)

    def peek_all(self) -> Iterator[dict[str, Any]]:
        """The states that are whole and can be gone on from, the newest first."""
        for path in (self.last, self.previous):
            try:
                content = unpack(_read(path))
            except (ValueError, OSError, Damaged):
                continue
            if json.loads(content["about"]) != self.about:
                return
            yield content["state"]

    def _whole_files(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        for path in (self.last, self.previous):
            try:
                content = unpack(_read(path))
            except FileNotFoundError:
                continue
            except (ValueError, OSError, Damaged) as e:
                reason = str(e).removeprefix(f"{path}: ")
                log.warning("%s: %s; it is not used, and removed", path, reason)
                _remove(path)
            else:
                yield path, content


def _read(path: Path) -> bytes:
    with open_regular(path.parent, path.name) as file:
        return file.read()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def pack(content: dict[str, Any]) -> memoryview:
    """The bytes of a checkpoint file: MAGIC, the SHA-256 of the content, the content."""
    buffer = io.BytesIO()
    buffer.write(MAGIC + bytes(DIGEST_LENGTH))
    torch.save(content, buffer)
    packed, start = buffer.getbuffer(), len(MAGIC)
    digest = hashlib.sha256(packed[start + DIGEST_LENGTH :]).hexdigest()
    packed[start : start + DIGEST_LENGTH] = digest.encode()
    return packed


def check_loadable(state: dict[str, Any]) -> None:
    """Raises: LeptonError for a state that callbacks or modules made of more than plain values."""
    try:
        unpack(bytes(pack(state)))
    except ValueError as e:
        raise LeptonError(
            f"a state that cannot be saved without pickled code: {e}; state_dict and "
            "on_save_checkpoint may hold tensors, numbers, texts, lists and dicts"
        ) from None


def unpack(packed: bytes) -> dict[str, Any]:
    """The content of a checkpoint file, verified.

    Raises: ValueError when a bit is not as it was written.
    """
    start = len(MAGIC) + DIGEST_LENGTH
    digest, content = packed[len(MAGIC) : start], memoryview(packed)[start:]
    if not packed.startswith(MAGIC):
        raise ValueError("not a checkpoint of this version, or damaged at its start")
    if hashlib.sha256(content).hexdigest().encode() != digest:
        raise ValueError("damaged: its SHA-256 is not the one that it was written with")
    try:
        return torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    except Exception as e:  # of several unrelated kinds
        raise ValueError(f"not a checkpoint ({' '.join(str(e).split())[:200]})") from None


def differences(saved: Any, current: Any, key: str = "") -> Iterator[str]:
    """A line for every value in which two nested mappings differ, the saved and the current."""
    if isinstance(saved, dict) and isinstance(current, dict):
        for name in {*saved, *current}:
            dotted_key = f"{key}.{name}".lstrip(".")
            yield from differences(saved.get(name), current.get(name), dotted_key)
    elif saved != current:
        yield f"{key}: {saved!r} there, {current!r} here"
