"""Run folders: written whole or not at all, read one by one or as a table."""

import errno
import json
import os
import shutil
import socket
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lepton.errors import LeptonError

HEADLINE = ("test/auroc", "test/rmse", "test/accuracy", "test/log_loss")
RESULT, FAILURE, CONFIG = "result.json", "failure.json", "config.yaml"


@dataclass(frozen=True, kw_only=True)
class Result:
    """One finished run.

    Units: `seconds` of fitting alone, in a stack its share of them; `score` is the monitored validation metric of the best
        epoch, turned so that larger is better. Metric keys are `split/name`.
    """

    run: str
    metrics: dict[str, float]
    constant: dict[str, float]  # the constant predictor's metrics
    score: float
    seconds: float
    epochs: int
    best_epoch: int
    parameters: int
    trainable: int
    rows: dict[str, int]  # rows per split
    cleaning: list[dict[str, Any]]  # what was done to the data: what, count, where
    choices: dict[str, str]
    config: dict[str, Any]
    trained: str = "alone"  # or in which stack; runs of earlier versions do not say it

    def __str__(self) -> str:
        test = {k: v for k, v in self.metrics.items() if k.startswith("test/")}
        shown = [f"{name} {test[name]:.4f}" for name in HEADLINE if name in test]
        return "  ".join([self.run, *shown, f"{self.seconds:.1f} s"])


def read(folder: Path) -> Result | None:
    """The finished run in a folder, or None.

    Raises: LeptonError when the file is there and cannot be read.
    """
    path = folder / RESULT
    if not path.is_file():
        return None
    try:
        return Result(**json.loads(path.read_text()))
    except (ValueError, TypeError) as e:
        raise LeptonError(f"{path}: not a result of lepton's ({e}); remove the folder") from None


def write_json(path: Path, content: Any) -> None:
    """Writes beside, syncs, then renames: a file that exists is whole."""
    part = path.with_name(path.name + ".part")
    with part.open("w") as file:
        json.dump(content, file, indent=1, default=str)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def save(result: Result, folder: Path) -> None:
    write_json(folder / RESULT, asdict(result))


def failed(folder: Path) -> Path:
    """Where the last failure of a run is kept, beside the run's own folder."""
    return folder.with_name(folder.name + ".failed")


def _part(folder: Path) -> Path:
    """Where this process writes a run before it has its name."""
    return folder.with_name(f"{folder.name}.part-{socket.gethostname()}-{os.getpid()}")


@contextmanager
def writing(folder: Path) -> Iterator[Path]:
    """A folder to write a run into, renamed to its own name when all went well.

    A run that was there before stays until then. An error that is not the user's leaves the
    folder's content and its traceback in `failed(folder)`.
    """
    part = _part(folder)
    shutil.rmtree(part, ignore_errors=True)  # of a killed process that had the same id
    try:
        part.mkdir(parents=True)
    except OSError as e:
        raise LeptonError(f"runs: cannot write to {folder.parent} ({e.strerror})") from None
    try:
        yield part
    except Exception as e:
        if isinstance(e, LeptonError):
            _forget(part)
        else:
            _fail(part, folder, e)
        raise
    except BaseException:
        _forget(part)
        raise
    _replace(part, folder)
    shutil.rmtree(failed(folder), ignore_errors=True)


def _forget(part: Path) -> None:
    """Removes what was written of a run, and its study if that holds nothing else."""
    shutil.rmtree(part, ignore_errors=True)
    with suppress(OSError):
        part.parent.rmdir()


def record_failure(folder: Path, config: dict[str, Any], error: Exception) -> None:
    """Keeps why a run of a sweep failed that left nothing itself."""
    part = _part(folder)
    part.mkdir(parents=True, exist_ok=True)
    write_config(config, part)
    _fail(part, folder, error)


def _fail(part: Path, folder: Path, error: Exception) -> None:
    """What a failed run left, with its traceback, becomes its last failure."""
    lines = "".join(traceback.format_exception(error))
    said = " ".join(f"{error}".split()) or type(error).__name__
    kind = type(error).__name__
    write_json(part / FAILURE, {"run": folder.name, "error": f"{kind}: {said}", "traceback": lines})
    _replace(part, failed(folder))


def failure(folder: Path) -> dict[str, str] | None:
    """What is known of a run's last failure, or None."""
    path = failed(folder) / FAILURE
    return _read_failure(path) if path.is_file() else None


def status(folder: Path) -> str:
    """What is known of a run, from its folders alone."""
    if (folder / RESULT).is_file():
        return "finished"
    return "failed" if failed(folder).is_dir() else "to do"


def _read_failure(path: Path) -> dict[str, str]:
    try:
        known = json.loads(path.read_text())
        return {name: known[name] for name in ("run", "error", "traceback")}
    except (ValueError, TypeError, KeyError):
        raise LeptonError(f"{path}: not a failure that lepton kept; remove the folder") from None


def _replace(part: Path, folder: Path) -> None:
    """Gives `part` the name `folder`; what had that name goes last."""
    old = part.with_name(part.name + ".old")
    while True:
        with suppress(FileNotFoundError):
            os.replace(folder, old)
        try:
            os.replace(part, folder)
            break
        except OSError as e:
            if e.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        shutil.rmtree(old, ignore_errors=True)  # another process took the name meanwhile
    shutil.rmtree(old, ignore_errors=True)


def clear_unfinished(study: Path) -> int:
    """Removes what killed processes of this machine left in a study; returns how many.

    A finished run that was to be replaced and lost its name gets it back.
    """
    count = 0
    for part in study.glob(f"*.part-{socket.gethostname()}-*"):
        pid = part.name.removesuffix(".old").rpartition("-")[2]
        if pid.isdigit() and not _alive(int(pid)):
            if part.suffix == ".old" and (part / RESULT).is_file():
                with suppress(OSError):
                    os.rename(part, part.with_name(part.name.partition(".part-")[0]))
            shutil.rmtree(part, ignore_errors=True)
            count += 1
    return count


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def load(study: str | Path):
    """A study as a DataFrame, one row a run, finished or failed.

    Columns: run, status (finished, failed), error; the chosen option of each group under its
    name (model, optimizer, ...); every config value under its key (optimizer.lr, seed, ...);
    metrics as split/name, those of the constant predictor as constant/split/name; score,
    trained, seconds, epochs, best_epoch, parameters, trainable; folder.

    Raises: LeptonError when there is no such study or a result cannot be read.
    """
    import pandas as pd

    rows = [_row(result) for result in _results(study_folder(study))]
    rows += [_failed_row(path) for path in sorted(study_folder(study).glob(f"*.failed/{FAILURE}"))]
    return pd.DataFrame(rows)


def study_folder(study: str | Path) -> Path:
    """The folder of a study given by path, or by its name in runs/."""
    for folder in (Path(study), Path("runs") / study):
        if folder.is_dir():
            return folder
    have = sorted(p.name for p in Path("runs").glob("*") if p.is_dir())
    known = f"studies in ./runs: {', '.join(have)}" if have else "`lepton train` writes to ./runs"
    raise LeptonError(f"{study}: no such study; {known}")


def _results(folder: Path) -> Iterator[tuple[Path, Result]]:
    for path in sorted(folder.glob(f"*/{RESULT}")):
        if ".part-" not in path.parent.name:
            yield path.parent, read(path.parent)


def _row(item: tuple[Path, Result]) -> dict[str, Any]:
    folder, result = item
    facts = ("score", "trained", "seconds", "epochs", "best_epoch", "parameters", "trainable")
    return {
        "run": result.run,
        "status": "finished",
        **_settings(result.config),
        **result.metrics,
        **{f"constant/{k}": v for k, v in result.constant.items()},
        **{name: getattr(result, name) for name in facts},
        "folder": str(folder),
    }


def _failed_row(path: Path) -> dict[str, Any]:
    known = _read_failure(path)
    config = path.with_name(CONFIG)
    settings = _settings(read_config(config)) if config.is_file() else {}
    row = {"run": known["run"], "status": "failed", "error": known["error"]}
    return {**row, **settings, "folder": str(path.parent)}


def write_config(config: dict[str, Any], folder: Path) -> None:
    import yaml

    (folder / CONFIG).write_text(yaml.safe_dump(config, sort_keys=False))


def read_config(path: Path) -> dict[str, Any]:
    import yaml

    try:
        return yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as e:
        why = " ".join(str(e).split())
        raise LeptonError(f"{path}: not a config of lepton's ({why}); remove the folder") from None


def _settings(config: dict[str, Any]) -> dict[str, Any]:
    """Chosen options under their group's name, then every other value under its dotted key."""
    rest = {k: v for k, v in config.items() if k not in ("choices", "overrides")}
    return {**_flat(rest), **config.get("choices", {})}


def _flat(node: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for key, value in node.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        elif key != "_target_":
            flat[f"{prefix}{key}"] = str(value) if isinstance(value, list) else value
    return flat
