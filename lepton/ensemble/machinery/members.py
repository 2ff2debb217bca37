"""The members of an ensemble: finished runs, found by their folders and read."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lepton.ensemble.machinery.run_paths import find_run_folders
from lepton.errors import ConfigError, LeptonError
from lepton.spec import DataSpec
from lepton.storage.predictions import PREDICTED_SPLITS, SplitPredictions, read_predictions
from lepton.storage.results import Result, finished_result
from lepton.storage.run_folder import (
    FAILURE_FILE,
    RESULT_FILE,
    SPEC_FILE,
    STATE_SUFFIXES,
    read_failure_file,
)

WEIGHT_FILE_PATTERNS = ("model.*", "adapter.*")  # the file of a run that holds its weights
NEEDED_KEYS = ("task", "dataset", "choices")  # of a member's config
MAX_NAMES_SHOWN = 4  # in a message


class IsEnsembleError(LeptonError):
    """The run is an ensemble, which is no member of another."""


@dataclass(frozen=True, eq=False)
class MemberRun:
    """A finished run; `size` is bytes of weights, `digest` tells its predictions from others."""

    folder: Path
    result: Result
    spec: DataSpec
    splits: dict[str, SplitPredictions]
    size: int
    digest: str

    @property
    def run(self) -> str:
        return self.result.run

    @property
    def config(self) -> dict[str, Any]:
        return self.result.config


@dataclass
class MemberSearch:
    """The members found, and why other folders are none: (folder, reason).

    `ensembles` are not members either, and only counted.
    """

    members: list[MemberRun] = field(default_factory=list)
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    ensembles: int = 0

    @property
    def left_out(self) -> str:
        """Says how many folders are no members, and why; empty where all are."""
        reasons = [f"{path.name}: {why}" for path, why in self.skipped[:MAX_NAMES_SHOWN]]
        if (more := len(self.skipped) - MAX_NAMES_SHOWN) > 0:
            reasons.append(f"and {more} more")
        phrases = [f"{len(self.skipped)} left out: {'; '.join(reasons)}"] if reasons else []
        if self.ensembles:
            plural = "" if self.ensembles == 1 else "s"
            phrases.append(f"{self.ensembles} ensemble{plural} left out")
        return "; ".join(phrases)


def find_members(runs: str | Sequence[str]) -> MemberSearch:
    """The finished runs that `runs` names, each once, and the other folders that it names.

    Raises: ConfigError when a word names nothing, or when there are not two members.
    """
    search, first_folders = MemberSearch(), {}
    for path in find_run_folders(runs):
        try:
            member = read_member(path)
        except IsEnsembleError:
            search.ensembles += 1
            continue
        except LeptonError as e:
            search.skipped.append((path, str(e).removeprefix(f"{path}: ")))
            continue
        first_folder = first_folders.setdefault(member.digest + member.run, str(path))
        if first_folder == str(path):
            search.members.append(member)
        else:
            search.skipped.append((path, f"the same run as {first_folder}"))
    if len(search.members) < 2:
        why = f" ({search.left_out})" if search.left_out else ""
        raise ConfigError(
            f"runs: {runs}: an ensemble needs two finished runs at least, and here is "
            f"{'one' if search.members else 'none'}{why}"
        )
    return search


def read_member(folder: Path) -> MemberRun:
    """The run in a folder.

    Raises: LeptonError that says why it cannot be a member.
    """
    _require_finished(folder)
    result = finished_result(folder)
    if "ensemble" in result.config:
        raise IsEnsembleError(f"{folder}: an ensemble itself")
    if missing := [name for name in NEEDED_KEYS if name not in result.config]:
        raise LeptonError(f"{folder}: damaged (its config lacks {', '.join(missing)})")
    weights = [p for pattern in WEIGHT_FILE_PATTERNS for p in folder.glob(pattern) if p.is_file()]
    if not weights:
        raise LeptonError(f"{folder}: its weights are gone")
    try:
        spec = DataSpec.load(folder / SPEC_FILE)
        splits = {name: read_predictions(folder, name) for name in PREDICTED_SPLITS}
    except (OSError, ValueError, TypeError, KeyError) as e:
        raise LeptonError(f"{folder}: damaged ({' '.join(str(e).split())})") from None
    if not all(split.prediction.isfinite().all() for split in splits.values()):
        raise LeptonError(f"{folder}: its predictions are not all finite")
    size = sum(path.stat().st_size for path in weights)
    return MemberRun(folder, result, spec, splits, size, predictions_digest(splits))


def member_reference(member: MemberRun, folder: Path) -> dict[str, str]:
    """The reference by which an ensemble's folder finds a member: run, path from there, digest."""
    path = os.path.relpath(member.folder.absolute(), folder.absolute())
    return {"run": member.run, "path": path, "digest": member.digest}


def read_recorded_member(folder: Path, reference: dict[str, Any]) -> MemberRun:
    """The run that an ensemble's folder records.

    Raises: LeptonError when it is gone.
    """
    path = Path(os.path.normpath(folder / reference["path"]))
    if not path.is_dir():
        raise LeptonError(
            f"{folder}: its member {reference['run']} is gone (looked in "
            f"{path.parent.resolve()}); an ensemble needs the folders of its members"
        )
    return read_member(path)


def is_unchanged(member: MemberRun, reference: dict[str, Any]) -> bool:
    """True when it is the very run that the ensemble was made of."""
    return (member.run, member.digest) == (reference["run"], reference["digest"])


def predictions_digest(splits: dict[str, SplitPredictions]) -> str:
    """Ten hexadecimal digits that differ when the predictions do."""
    digest = hashlib.sha256()
    for name in PREDICTED_SPLITS:
        for tensor in (splits[name].ids, splits[name].prediction):
            digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()[:10]


def _require_finished(folder: Path) -> None:
    """Raises: LeptonError that says in which state the run of another folder is."""
    if folder.suffix == ".failed" and (folder / FAILURE_FILE).is_file():
        failure = read_failure_file(folder / FAILURE_FILE)
        raise LeptonError(f"{folder}: {failure['status']} ({failure['error']})")
    if folder.suffix in STATE_SUFFIXES:
        state = {".pruned": "pruned", ".failed": "failed"}.get(folder.suffix, "unfinished")
        raise LeptonError(f"{folder}: {state}")
    if not (folder / RESULT_FILE).is_file():
        raise LeptonError(f"{folder}: holds no finished run")
