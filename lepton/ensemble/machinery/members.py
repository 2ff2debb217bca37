"""Finished runs that may become members of an ensemble: found, read, the others told."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lepton.ensemble.machinery.run_paths import run_folders
from lepton.errors import ConfigError, LeptonError
from lepton.spec import DataSpec
from lepton.storage.predictions import PREDICTED_SPLITS, SplitPredictions, read_predictions
from lepton.storage.results import Result, read_result
from lepton.storage.run_folder import FAILURE_FILE, RESULT_FILE, STATE_SUFFIXES, read_failure_file

WEIGHTS = ("model.*", "adapter.*")  # the file of a run that holds its weights
SHOWN = 4  # names in a message


class Ensemble(LeptonError):
    """The run is an ensemble, which is no member of another."""


@dataclass(frozen=True, eq=False)
class Member:
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
    def config(self) -> dict:
        return self.result.config


@dataclass
class Found:
    """Members, and why other folders are none: (folder, reason); `ensembles` are counted alone."""

    members: list[Member] = field(default_factory=list)
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    ensembles: int = 0

    @property
    def left_out(self) -> str:
        """How many folders are no members, and why; empty where all are."""
        shown = [f"{path.name}: {why}" for path, why in self.skipped[:SHOWN]]
        more = len(self.skipped) - SHOWN
        shown += [f"and {more} more"] if more > 0 else []
        said = [f"{len(self.skipped)} left out: {'; '.join(shown)}"] if shown else []
        several = "" if self.ensembles == 1 else "s"
        said += [f"{self.ensembles} ensemble{several} left out"] if self.ensembles else []
        return "; ".join(said)


def read_members(runs: str | Sequence[str]) -> Found:
    """The finished runs that `runs` names, each once, and what else it names.

    Raises: ConfigError when a word names nothing, or when there are not two members.
    """
    found, digests = Found(), {}
    for path in run_folders(runs):
        try:
            member = read_member(path)
        except Ensemble:
            found.ensembles += 1
            continue
        except LeptonError as e:
            found.skipped.append((path, str(e).removeprefix(f"{path}: ")))
            continue
        twin = digests.setdefault(member.digest + member.run, str(path))
        if twin == str(path):
            found.members.append(member)
        else:
            found.skipped.append((path, f"the same run as {twin}"))
    if len(found.members) < 2:
        why = f" ({found.left_out})" if found.left_out else ""
        raise ConfigError(
            f"runs: {runs}: an ensemble needs two finished runs at least, and here is "
            f"{'one' if found.members else 'none'}{why}"
        )
    return found


def read_member(folder: Path) -> Member:
    """The run in a folder.

    Raises: LeptonError that says why it cannot be a member.
    """
    _finished(folder)
    result = read_result(folder)
    if "ensemble" in result.config:
        raise Ensemble(f"{folder}: an ensemble itself")
    if lacking := [name for name in ("task", "dataset", "choices") if name not in result.config]:
        raise LeptonError(f"{folder}: damaged (its config lacks {', '.join(lacking)})")
    weights = [path for name in WEIGHTS for path in folder.glob(name) if path.is_file()]
    if not weights:
        raise LeptonError(f"{folder}: its weights are gone")
    try:
        spec = DataSpec.load(folder / "spec.json")
        splits = {name: read_predictions(folder, name, spec) for name in PREDICTED_SPLITS}
    except (OSError, ValueError, TypeError, KeyError) as e:
        raise LeptonError(f"{folder}: damaged ({' '.join(str(e).split())})") from None
    if not all(part.prediction.isfinite().all() for part in splits.values()):
        raise LeptonError(f"{folder}: its predictions are not all finite")
    size = sum(path.stat().st_size for path in weights)
    return Member(folder, result, spec, splits, size, digest(splits))


def member_of(folder: Path, known: dict[str, Any]) -> Member:
    """The run that an ensemble knows by the path from its folder.

    Raises: LeptonError when it is gone.
    """
    path = Path(os.path.normpath(folder / known["path"]))
    if not path.is_dir():
        raise LeptonError(
            f"{folder}: its member {known['run']} is gone (looked in {path.parent.resolve()}); an "
            "ensemble needs the folders of its members"
        )
    return read_member(path)


def unchanged(member: Member, known: dict[str, Any]) -> bool:
    """Whether it is the very run that the ensemble was made of."""
    return (member.run, member.digest) == (known["run"], known["digest"])


def _finished(folder: Path) -> None:
    if folder.suffix == ".failed" and (folder / FAILURE_FILE).is_file():
        known = read_failure_file(folder / FAILURE_FILE)
        raise LeptonError(f"{folder}: {known['status']} ({known['error']})")
    if folder.suffix in STATE_SUFFIXES:
        word = {".pruned": "pruned", ".failed": "failed"}.get(folder.suffix, "unfinished")
        raise LeptonError(f"{folder}: {word}")
    if not (folder / RESULT_FILE).is_file():
        raise LeptonError(f"{folder}: holds no finished run")


def digest(splits: dict[str, SplitPredictions]) -> str:
    """Ten hexadecimal digits that differ when the predictions do."""
    known = hashlib.sha256()
    for name in PREDICTED_SPLITS:
        for tensor in (splits[name].ids, splits[name].prediction):
            known.update(tensor.contiguous().numpy().tobytes())
    return known.hexdigest()[:10]
