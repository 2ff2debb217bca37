"""Writes the folder of a run: whole or not at all, by one process at a time, whatever ends it."""

import logging
import os
import shutil
import stat
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lepton.errors import Diverged, Finished, LeptonError, Pruned
from lepton.storage import heartbeat
from lepton.storage.digests import write_sums
from lepton.storage.files import (
    is_disk_full,
    is_file_too_large,
    replace_folder,
    sync_folder,
    unwritable_study,
    write_json,
)
from lepton.storage.lock import (
    LOCK_PREFIX,
    check_lock,
    lock_files,
    release_lock,
)
from lepton.storage.namesakes import lock_run
from lepton.storage.run_folder import (
    CALLBACK_FOLDER,
    CHECKPOINT_FOLDER,
    FAILURE_FILE,
    LOG_FILE,
    PRUNED_FILE,
    RESULT_FILE,
    failed_folder,
    pruned_folder,
    unfinished_folder,
    write_config,
)

log = logging.getLogger("lepton")


@contextmanager
def writing_run(folder: Path, *, rerun: bool = True) -> Iterator[Path]:
    """Locks a run and yields a folder to write it into, which gets the run's name when whole.

    A run that was there before stays until then. Checkpoints that an earlier process left are
    there. An error that is not the user's leaves the folder's content and its traceback in
    `failed_folder(folder)`; an interruption leaves the folder if it holds a checkpoint.

    Raises: Locked when another process trains the run, under whichever name; Finished (a Locked)
        when `rerun` is false and another one finished it meanwhile; LeptonError when the disk is
        full.
    """
    unfinished = unfinished_folder(folder)
    try:
        lock_file = lock_run(folder, rerun=rerun)
    except OSError as e:
        raise unwritable_study(folder.parent, e) from None
    try:
        _restore_replaced(folder)
        if not rerun and (folder / RESULT_FILE).is_file():
            shutil.rmtree(unfinished / CHECKPOINT_FOLDER, ignore_errors=True)
            raise Finished(folder)
        _remove_leftovers(unfinished)
        yield unfinished
        check_lock(lock_file)
        _finish(unfinished, folder, lock_file)
    except BaseException as e:
        try:
            _end_unfinished(unfinished, folder, lock_file, e)
        except OSError as other:
            e = other
            release_lock(lock_file)
        if is_disk_full(e) and not isinstance(e, LeptonError):
            raise LeptonError(
                f"{unfinished}: no space left on the disk; free some, and the same command goes on"
            ) from None
        if is_file_too_large(e) and not isinstance(e, LeptonError):
            raise LeptonError(
                f"{unfinished}: a file of the run is larger than this process may write; raise the "
                "limit (`ulimit -f`), and train it again"
            ) from None
        raise


def _restore_replaced(folder: Path) -> None:
    """Puts back a finished run whose replacing was cut short, or removes it when replaced."""
    old = _replaced_folder(folder)
    if old.exists() and not folder.exists():
        os.replace(old, folder)
    shutil.rmtree(old, ignore_errors=True)


def _replaced_folder(folder: Path) -> Path:
    """The folder of a finished run while another one takes its name."""
    return folder.with_name(folder.name + ".old")


def _remove_leftovers(unfinished: Path) -> None:
    """Removes what an earlier process left that the next one writes anew.

    What callbacks wrote stays as long as there is a checkpoint, from which they go on.
    """
    has_checkpoint = any((unfinished / CHECKPOINT_FOLDER).glob("*.ckpt"))
    kept_folders = (CHECKPOINT_FOLDER, *([CALLBACK_FOLDER] if has_checkpoint else []))
    for path in unfinished.iterdir():
        kind = os.lstat(path).st_mode
        is_log = path.name == LOG_FILE and stat.S_ISREG(kind)  # a pipe would be waited for
        is_kept = path.name in kept_folders and path.is_dir()
        if is_log or is_kept or path.name.startswith(LOCK_PREFIX):
            continue
        if stat.S_ISDIR(kind):
            shutil.rmtree(path)
        else:
            path.unlink()


def _finish(unfinished: Path, folder: Path, lock_file: Path) -> None:
    """Gives the whole run its name; what had that name goes last."""
    write_sums(unfinished, CHECKPOINT_FOLDER)
    sync_folder(unfinished)
    shutil.rmtree(unfinished / CHECKPOINT_FOLDER, ignore_errors=True)
    old = _replaced_folder(folder)
    if folder.exists():
        os.replace(folder, old)
    _rename_locked(unfinished, folder, lock_file)
    for path in (old, failed_folder(folder), pruned_folder(folder)):
        shutil.rmtree(path, ignore_errors=True)


def _rename_locked(unfinished: Path, folder: Path, lock_file: Path) -> None:
    """Renames with the lock file inside, so that nobody takes the folder at that moment."""
    heartbeat.HEARTBEAT.drop(lock_file)
    replace_folder(unfinished, folder)
    for path in (folder / lock_file.name, *lock_files(folder)):
        path.unlink(missing_ok=True)


def _end_unfinished(unfinished: Path, folder: Path, lock_file: Path, error: BaseException) -> None:
    """Keeps, renames or removes the folder of a run that did not finish, by the error's kind."""
    if not lock_file.exists():
        release_lock(lock_file)  # another process has it now
    elif isinstance(error, Pruned):
        record = {"run": folder.name, "status": "pruned", "epoch": error.epoch}
        record |= {"scores": error.scores, "monitored": error.monitored}
        write_json(unfinished / PRUNED_FILE, record)
        _keep_unfinished(unfinished, pruned_folder(folder), lock_file, failed_folder(folder))
    elif (
        isinstance(error, Exception)
        and not isinstance(error, LeptonError)
        and not is_disk_full(error)
        and not is_file_too_large(error)
    ):
        write_json(unfinished / FAILURE_FILE, _failure_record(folder, error))
        _keep_unfinished(unfinished, failed_folder(folder), lock_file, pruned_folder(folder))
    elif any((unfinished / CHECKPOINT_FOLDER).glob("*.ckpt")):
        release_lock(lock_file)
    else:
        _remove_unfinished(unfinished, lock_file)


def _keep_unfinished(unfinished: Path, folder: Path, lock_file: Path, outdated: Path) -> None:
    """Gives what was written of a run the name of its state, and removes an older state's."""
    write_sums(unfinished, CHECKPOINT_FOLDER)
    shutil.rmtree(unfinished / CHECKPOINT_FOLDER, ignore_errors=True)
    _rename_locked(unfinished, folder, lock_file)
    shutil.rmtree(outdated, ignore_errors=True)


def _remove_unfinished(unfinished: Path, lock_file: Path) -> None:
    """Removes what was written of a run, its lock last, and its study if that is empty then."""
    for path in unfinished.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != lock_file.name:
            path.unlink(missing_ok=True)
    release_lock(lock_file)
    with suppress(OSError):
        unfinished.rmdir()
        unfinished.parent.rmdir()


def record_failure(folder: Path, config: dict[str, Any], error: BaseException) -> None:
    """Keeps why a run of a sweep failed that left nothing itself; says so when it cannot."""
    failed = failed_folder(folder)
    try:
        shutil.rmtree(failed, ignore_errors=True)
        failed.mkdir(parents=True)
        write_config(config, failed)
        write_json(failed / FAILURE_FILE, _failure_record(folder, error))
        write_sums(failed, CHECKPOINT_FOLDER)
    except OSError as e:
        log.error("%s: cannot record the failure (%s)", failed, e.strerror)


def _failure_record(folder: Path, error: BaseException) -> dict[str, Any]:
    message = " ".join(f"{error}".split()) or type(error).__name__
    record = {
        "run": folder.name,
        "status": "diverged" if isinstance(error, Diverged) else "failed",
        "error": f"{type(error).__name__}: {message}",
        "traceback": "".join(traceback.format_exception(error)),
    }
    return record | ({"weights": error.weights} if isinstance(error, Diverged) else {})
