"""Results of runs, read one by one or as a table; the states a run can be in are its folders'."""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from lepton.errors import LeptonError
from lepton.storage.files import write_json
from lepton.storage.run_folder import (
    CONFIG,
    LOG,
    RESULT,
    SUFFIXES,
    failed,
    failure,
    pruned,
    read_config,
    read_failure,
    read_pruned,
    record_failure,
    status,
    unfinished,
    write_config,
    writing,
)

__all__ = [
    "CONFIG",
    "LOG",
    "RESULT",
    "SUFFIXES",
    "TYPES",
    "Result",
    "as_text",
    "failed",
    "failure",
    "load",
    "pruned",
    "read",
    "read_config",
    "read_pruned",
    "record_failure",
    "save",
    "status",
    "study_folder",
    "unfinished",
    "write_config",
    "write_json",
    "writing",
]
HEADLINE = ("test/auroc", "test/rmse", "test/accuracy", "test/log_loss")
TYPES = {
    **dict.fromkeys(("run", "status", "error", "folder", "trained"), "str"),
    **dict.fromkeys(("seed", "epochs", "best_epoch", "parameters", "trainable"), "Int64"),
    **dict.fromkeys(("score", "seconds", "memory_mb"), "float64"),
}
COUNTS = ("epochs", "best_epoch", "parameters", "trainable")
FORMAT = 1  # raised when a result can no longer be read as before; fields may be added without


@dataclass(frozen=True, kw_only=True)
class Result:
    """One finished run.

    Units: `seconds` of fitting alone, in a stack its share of them; `score` is the monitored
        validation metric of the best epoch, turned so that larger is better. Metric keys are
        `split/name`.
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
    memory_mb: float | None = None  # the most that training took, of the device or the process
    precision: str | None = None  # that the network was trained in, as trainer.precision=auto chose
    before: dict[str, float] = field(default_factory=dict)  # a linear head, untuned backbone
    forgetting: dict[str, float] = field(default_factory=dict)  # the source's task

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
        known = json.loads(path.read_text())
        version = known.pop("format", 1)
        if version != FORMAT:
            raise LeptonError(
                f"{path}: has format {version}, and this version of lepton reads {FORMAT}; read "
                "it with the version that wrote it (environment.json), or take another study"
            )
        names = {field.name for field in fields(Result)}
        result = Result(**{name: value for name, value in known.items() if name in names})
        _refuse_other(result)
        return result
    except (ValueError, TypeError, AttributeError) as e:
        raise LeptonError(f"{path}: not a result of lepton's ({e}); remove the folder") from None


def _refuse_other(result: Result) -> None:
    """Raises: ValueError for a value that cannot be one of a result's."""
    numbers = {name: getattr(result, name) for name in ("score", "seconds", "memory_mb")}
    scores = (result.metrics, result.constant, result.before, result.forgetting)
    counts = {name: getattr(result, name) for name in COUNTS} | {"seed": result.config.get("seed")}
    kinds = [(values, float | int | None) for values in (numbers, *scores)]
    for values, kind in [*kinds, (counts, int | None), ({"run": result.run}, str)]:
        for name, value in values.items():
            if not isinstance(value, kind):
                raise ValueError(f"{name} is {value!r}")


def save(result: Result, folder: Path) -> None:
    """The last file of a run; `writing` makes all of them last before the run has its name."""
    known = {"format": FORMAT, **asdict(result)}
    (folder / RESULT).write_text(json.dumps(known, indent=1, default=str))


def load(study: str | Path):
    """A study as a DataFrame, one row a run that is not in progress.

    Columns: run, status (finished, failed, diverged, pruned, unreadable), error; the chosen option
    of each group under its name (model, optimizer, ...); every config value under its key
    (optimizer.lr, seed, ...); metrics as split/name, those of the constant predictor as
    constant/split/name, those of the untuned backbone as before/split/name, those of the task that
    a tuned network came from as source/before/test/name and source/after/test/name; rows/train,
    rows/val, rows/test; score, trained, seconds, epochs, best_epoch, parameters, trainable,
    memory_mb; folder. Of ensembles also ensemble, the method. Those of TYPES are always there, with
    those types.

    Raises: LeptonError when there is no such study.
    """
    import pandas as pd

    from lepton.storage import index

    folder = study_folder(study)
    found = index.columns(index.rows(folder, _row))
    rows = range(len(found.get("run", [])))
    absent = {name: pd.Series(index=rows, dtype=kind) for name, kind in TYPES.items()}
    found |= {name: column for name, column in absent.items() if name not in found}
    found["folder"] = [str(folder / name) for name in found["folder"]]
    return pd.DataFrame(found, index=rows).astype(TYPES).copy()  # columns beside each other


def as_text(frame):
    """Columns that hold values of several kinds as text, since Parquet holds one kind a column."""
    mixed = [c for c in frame if frame[c].dropna().map(type).nunique() > 1]
    return frame.assign(**{c: frame[c].map(str, na_action="ignore") for c in mixed})


def study_folder(study: str | Path) -> Path:
    """The folder of a study given by path, or by its name in runs/."""
    for folder in (Path(study), Path("runs") / study):
        if folder.is_dir():
            return folder
    have = sorted(p.name for p in Path("runs").glob("[!.]*") if p.is_dir())
    known = f"studies in ./runs: {', '.join(have)}" if have else "`lepton train` writes to ./runs"
    raise LeptonError(f"{study}: no such study; {known}")


def _row(path: Path) -> dict[str, Any]:
    """What a file that ends a run says, or that it cannot be read."""
    name, suffix = path.parent.name, path.parent.suffix
    reads = {".failed": _failed_row, ".pruned": _pruned_row}
    try:
        row = reads.get(suffix, _finished_row)(path)
    except (LeptonError, OSError, ValueError, TypeError, AttributeError, KeyError) as e:
        error = str(e).removeprefix(f"{path.parent}/")
        row = {"run": name.removesuffix(suffix) if suffix in reads else name}
        row |= {"status": "unreadable", "error": error}
    return {**row, "folder": name}


def _finished_row(path: Path) -> dict[str, Any]:
    result = read(path.parent)
    facts = (
        *("score", "trained", "seconds", "epochs", "best_epoch", "parameters", "trainable"),
        "memory_mb",
    )
    return {
        "run": result.run,
        "status": "finished",
        **_settings(result.config),
        **result.metrics,
        **{f"constant/{k}": v for k, v in result.constant.items()},
        **{f"before/{k}": v for k, v in result.before.items()},
        **{f"source/{k}": v for k, v in result.forgetting.items()},
        **{f"rows/{k}": v for k, v in result.rows.items()},
        **{name: getattr(result, name) for name in facts},
    }


def _failed_row(path: Path) -> dict[str, Any]:
    known = read_failure(path)
    row = {name: known[name] for name in ("run", "status", "error")}
    return {**row, **_settings_beside(path)}


def _pruned_row(path: Path) -> dict[str, Any]:
    known = read_pruned(path.parent.with_suffix(""))
    row = {"run": known["run"], "status": "pruned", "epochs": known["epoch"] + 1}
    return {**row, **_settings_beside(path)}


def _settings_beside(path: Path) -> dict[str, Any]:
    config = path.with_name(CONFIG)
    return _settings(read_config(config)) if config.is_file() else {}


def _settings(config: dict[str, Any]) -> dict[str, Any]:
    """Chosen options under their group's name, then every other value under its dotted key.

    What an ensemble was told stands where runs have the values of their model.
    """
    rest = {k: v for k, v in config.items() if k not in ("choices", "overrides", "ensemble")}
    if own := config.get("ensemble"):
        limits = ("metric", "max_members", "max_size", "folds")
        rest["model"] = {**own["method"], **{name: own[name] for name in limits}}
    return {**_flat(rest), **config.get("choices", {})}


def _flat(node: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for key, value in node.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        elif key != "_target_":
            flat[f"{prefix}{key}"] = str(value) if isinstance(value, list) else value
    return flat
