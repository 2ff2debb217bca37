"""The folders of a run: one name for each state it can be in, written whole or not at all.

NAME/ is finished; NAME.part/ is being trained, or was when its process ended; NAME.failed/ and
NAME.pruned/ say why there is no result.
"""

import json
import os
import shutil
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lepton.errors import Diverged, Finished, LeptonError, Pruned
from lepton.storage import lock
from lepton.storage.files import is_full, rename, sync_all, write_json

RESULT, FAILURE, PRUNED, CONFIG = "result.json", "failure.json", "pruned.json", "config.yaml"
CHECKPOINTS, LOG = "checkpoint", "log.txt"
SUFFIXES = (".part", ".old", ".failed", ".pruned")  # of folders that are not finished runs


def unfinished(folder: Path) -> Path:
    """Where a run is written before it has its name."""
    return folder.with_name(folder.name + ".part")


def failed(folder: Path) -> Path:
    """Where the last failure of a run is kept, beside the run's own folder."""
    return folder.with_name(folder.name + ".failed")


def pruned(folder: Path) -> Path:
    """Where a run is kept that its watcher ended."""
    return folder.with_name(folder.name + ".pruned")


def status(folder: Path) -> str:
    """running, finished, pruned, failed, diverged or to do, from what lies in the study."""
    if lock.holder(unfinished(folder)):
        return "running"
    if (folder / RESULT).is_file():
        return "finished"
    if (pruned(folder) / PRUNED).is_file():
        return "pruned"
    known = failure(folder)
    return known["status"] if known else "to do"


@contextmanager
def writing(folder: Path, *, rerun: bool = True) -> Iterator[Path]:
    """Claims a run and yields a folder to write it into, which gets the run's name when whole.

    A run that was there before stays until then. Checkpoints that an earlier process left are
    there. An error that is not the user's leaves the folder's content and its traceback in
    `failed(folder)`; an interruption leaves the folder if it holds a checkpoint.

    Raises: Claimed when another process trains the run; Finished (a Claimed) when `rerun` is
        false and another one finished it meanwhile; LeptonError when the disk is full.
    """
    part = unfinished(folder)
    try:
        mine = lock.take(part)
    except OSError as e:
        raise LeptonError(f"runs: cannot write to {folder.parent} ({e.strerror})") from None
    try:
        _recover(folder)
        if not rerun and (folder / RESULT).is_file():
            shutil.rmtree(part / CHECKPOINTS, ignore_errors=True)
            raise Finished(f"{folder}: another process has finished this run")
        _clear(part)
        yield part
        lock.check(mine)
        _finish(part, folder, mine)
    except BaseException as e:
        try:
            _end(part, folder, mine, e)
        except OSError as other:
            e = other
            lock.release(mine)
        if is_full(e) and not isinstance(e, LeptonError):
            raise LeptonError(
                f"{part}: no space left on the disk; free some, and the same command goes on"
            ) from None
        raise


def _recover(folder: Path) -> None:
    """Puts back a finished run whose replacing was cut short, or removes it when replaced."""
    old = folder.with_name(folder.name + ".old")
    if old.exists() and not folder.exists():
        os.replace(old, folder)
    shutil.rmtree(old, ignore_errors=True)


def _clear(part: Path) -> None:
    """Removes what an earlier process left that the next one writes anew."""
    for path in part.iterdir():
        if path.is_dir() and path.name != CHECKPOINTS:
            shutil.rmtree(path)
        elif path.is_file() and path.name != LOG and not path.name.startswith(lock.PREFIX):
            path.unlink()


def _finish(part: Path, folder: Path, mine: Path) -> None:
    """Gives the whole run its name; what had that name goes last."""
    sync_all(part)
    shutil.rmtree(part / CHECKPOINTS, ignore_errors=True)
    old = folder.with_name(folder.name + ".old")
    if folder.exists():
        os.replace(folder, old)
    _move(part, folder, mine)
    for path in (old, failed(folder), pruned(folder)):
        shutil.rmtree(path, ignore_errors=True)


def _move(part: Path, folder: Path, mine: Path) -> None:
    """Renames with the claim inside, so that nobody takes the folder at that moment."""
    lock.HEART.drop(mine)
    rename(part, folder)
    for left in (folder / mine.name, *lock.claims(folder)):
        left.unlink(missing_ok=True)


def _end(part: Path, folder: Path, mine: Path, error: BaseException) -> None:
    """What becomes of the folder of a run that did not finish."""
    if not mine.exists():
        lock.release(mine)  # another process has it now
    elif isinstance(error, Pruned):
        about = {"run": folder.name, "status": "pruned", "epoch": error.epoch}
        write_json(part / PRUNED, {**about, "scores": error.scores})
        _settle(part, pruned(folder), mine, failed(folder))
    elif isinstance(error, Exception) and not isinstance(error, LeptonError) and not is_full(error):
        write_json(part / FAILURE, _failure(folder, error))
        _settle(part, failed(folder), mine, pruned(folder))
    elif any((part / CHECKPOINTS).glob("*.ckpt")):
        lock.release(mine)
    else:
        _forget(part, mine)


def _settle(part: Path, kept: Path, mine: Path, stale: Path) -> None:
    shutil.rmtree(part / CHECKPOINTS, ignore_errors=True)
    _move(part, kept, mine)
    shutil.rmtree(stale, ignore_errors=True)


def _forget(part: Path, mine: Path) -> None:
    """Removes what was written of a run, its claim last, and its study if that is empty then."""
    for path in part.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != mine.name:
            path.unlink(missing_ok=True)
    lock.release(mine)
    with suppress(OSError):
        part.rmdir()
        part.parent.rmdir()


def record_failure(folder: Path, config: dict[str, Any], error: BaseException) -> None:
    """Keeps why a run of a sweep failed that left nothing itself; says so when it cannot."""
    kept = failed(folder)
    try:
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        write_config(config, kept)
        write_json(kept / FAILURE, _failure(folder, error))
    except OSError as e:
        lock.log.error("%s: cannot record the failure (%s)", kept, e.strerror)


def _failure(folder: Path, error: BaseException) -> dict[str, Any]:
    said = " ".join(f"{error}".split()) or type(error).__name__
    known = {
        "run": folder.name,
        "status": "diverged" if isinstance(error, Diverged) else "failed",
        "error": f"{type(error).__name__}: {said}",
        "traceback": "".join(traceback.format_exception(error)),
    }
    return known | ({"weights": error.weights} if isinstance(error, Diverged) else {})


def failure(folder: Path) -> dict[str, str] | None:
    """What is known of a run's last failure, or None: run, status, error, traceback."""
    path = failed(folder) / FAILURE
    return read_failure(path) if path.is_file() else None


def read_failure(path: Path) -> dict[str, str]:
    try:
        known = json.loads(path.read_text())
        needed = {name: known[name] for name in ("run", "error", "traceback")}
        return {"status": "failed", **known, **needed}
    except (ValueError, TypeError, KeyError):
        raise LeptonError(f"{path}: not a failure that lepton kept; remove the folder") from None


def read_pruned(folder: Path) -> dict[str, Any]:
    """What is known of a run that its watcher ended: run, status, epoch, scores."""
    path = pruned(folder) / PRUNED
    try:
        known = json.loads(path.read_text())
        return {name: known[name] for name in ("run", "status", "epoch", "scores")}
    except (ValueError, TypeError, KeyError):
        raise LeptonError(f"{path}: not a pruned run of lepton's; remove the folder") from None


def write_config(config: dict[str, Any], folder: Path) -> None:
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    (folder / CONFIG).write_text(yaml.dump(config, Dumper=dumper, sort_keys=False))


def read_config(path: Path) -> dict[str, Any]:
    import yaml

    try:
        config = yaml.safe_load(path.read_text())
    except OSError as e:
        raise LeptonError(f"{path}: cannot be read ({e.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as e:
        why = " ".join(str(e).split())
        raise LeptonError(f"{path}: not a config of lepton's ({why}); remove the folder") from None
    if not isinstance(config, dict):
        raise LeptonError(f"{path}: not a config of lepton's; remove the folder")
    return config
