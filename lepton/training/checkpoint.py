"""Checkpoints: written whole, verified when read, the one before kept, never a pickle of code."""

import hashlib
import io
import json
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from lepton.config.identity import canonical_config
from lepton.errors import LeptonError
from lepton.storage.environment import training_versions
from lepton.storage.files import write_bytes
from lepton.storage.run_folder import CHECKPOINT_FOLDER
from lepton.trainer.default import resolved

log = logging.getLogger("lepton")
MAGIC = b"lepton checkpoint 2\n"
LAST, PREVIOUS = "last.ckpt", "previous.ckpt"
DIGEST = 64  # hexadecimal digits of SHA-256


class Checkpoints:
    """The checkpoints of one run: `about` is what must be equal for one to be gone on from.

    `part` begins the names of those of one part of a training that has several.
    """

    @classmethod
    def of(
        cls, folder: Path, cfg: dict[str, Any], *, trained: str, part: str = ""
    ) -> "Checkpoints":
        """Those in a run's unfinished folder, of a training alone or in a stack."""
        about = {
            "config": canonical_config(cfg),
            "versions": training_versions(),
            "trained": trained,
        }
        if cfg["trainer"]["precision"] == "auto":
            about["precision"] = resolved(cfg["trainer"])
        return cls(folder / CHECKPOINT_FOLDER, about, part)

    def __init__(self, folder: Path, about: dict[str, Any], part: str = ""):
        self.folder, self.about = folder, json.loads(json.dumps(about, default=str))
        self.last, self.previous = folder / f"{part}{LAST}", folder / f"{part}{PREVIOUS}"

    def check(self, size: int) -> None:
        """Before the first step: can two checkpoints of so many bytes be written?

        Raises: LeptonError when the folder cannot be written or the disk has no room.
        """
        there = next(p for p in (self.folder, *self.folder.absolute().parents) if p.exists())
        if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
            raise LeptonError(f"{self.folder}: checkpoints cannot be written there")
        free = shutil.disk_usage(there).free
        if free < 2 * size:
            raise LeptonError(
                f"{self.folder}: {free / 1e6:.1f} MB are free on the disk, and two checkpoints "
                f"need {2 * size / 1e6:.1f} MB: no space to train this run"
            )

    def save(self, state: dict[str, Any]) -> None:
        """Raises: LeptonError when it cannot be written; the one before is whole then."""
        last = self.last
        try:
            self.folder.mkdir(exist_ok=True)
            if last.exists():
                os.replace(last, self.previous)
            write_bytes(last, pack({"about": json.dumps(self.about), "state": state}))
        except OSError as e:
            why = e.strerror or str(e)
            raise LeptonError(
                f"{last}: the checkpoint cannot be written ({why}); mend that, and the same "
                "command goes on from the one before"
            ) from None

    def load(self) -> dict[str, Any] | None:
        """The newest state that is whole, or None; damaged files are removed and told of.

        Raises: LeptonError when it is of another config.
        """
        for path, content in self._whole():
            about = json.loads(content["about"])
            differ = sorted(differences(about.get("config", {}), self.about.get("config", {})))
            if differ:
                raise LeptonError(
                    f"{path}: a checkpoint of another config ({'; '.join(differ)}); remove "
                    f"{path.parent} to train anew"
                )
            if about != self.about:
                said = "; ".join(sorted(differences(about, self.about)))
                log.warning("%s: made otherwise (%s); training starts anew", path, said)
                return None
            return content["state"]
        return None

    def peek(self) -> dict[str, Any] | None:
        """The state that `load` would give, or None; nothing is said, and nothing removed."""
        for path in (self.last, self.previous):
            try:
                content = unpack(path.read_bytes())
            except (ValueError, OSError):
                continue
            return content["state"] if json.loads(content["about"]) == self.about else None
        return None

    def _whole(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        for path in (self.last, self.previous):
            if not path.exists():
                continue
            try:
                content = unpack(path.read_bytes())
            except (ValueError, OSError) as e:
                log.warning("%s: %s; it is not used, and removed", path, e)
                path.unlink(missing_ok=True)
            else:
                yield path, content


def pack(content: dict[str, Any]) -> memoryview:
    """A checkpoint's bytes: what it is, the SHA-256 of the rest, the rest."""
    buffer = io.BytesIO()
    buffer.write(MAGIC + bytes(DIGEST))
    torch.save(content, buffer)
    whole, start = buffer.getbuffer(), len(MAGIC)
    digest = hashlib.sha256(whole[start + DIGEST :]).hexdigest()
    whole[start : start + DIGEST] = digest.encode()
    return whole


def unpack(content: bytes) -> dict[str, Any]:
    """Raises: ValueError when a bit is not as it was written."""
    start = len(MAGIC) + DIGEST
    said, rest = content[len(MAGIC) : start], memoryview(content)[start:]
    if not content.startswith(MAGIC):
        raise ValueError("not a checkpoint of this version, or damaged at its start")
    if hashlib.sha256(rest).hexdigest().encode() != said:
        raise ValueError("damaged: its SHA-256 is not the one that it was written with")
    try:
        return torch.load(io.BytesIO(rest), weights_only=True, map_location="cpu")
    except Exception as e:  # of several unrelated kinds
        raise ValueError(f"not a checkpoint ({' '.join(str(e).split())[:200]})") from None


def differences(there: Any, here: Any, key: str = "") -> Iterator[str]:
    """`key: there, here` for every value in which two nested mappings differ."""
    if isinstance(there, dict) and isinstance(here, dict):
        for name in {*there, *here}:
            yield from differences(there.get(name), here.get(name), f"{key}.{name}".lstrip("."))
    elif there != here:
        yield f"{key}: {there!r} there, {here!r} here"
