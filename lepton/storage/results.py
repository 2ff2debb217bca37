"""Results of finished runs, read and written one by one."""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from types import NoneType
from typing import Any

from lepton.errors import Damaged, LeptonError
from lepton.storage.digests import replace_covered
from lepton.storage.run_files import read_run_json
from lepton.storage.run_folder import RESULT_FILE
from lepton.storage.stored_config import check_stored_config
from lepton.values.metric_text import metric_text

HEADLINE_METRICS = ("auroc", "rmse", "accuracy", "log_loss")
NUMBER, COUNT, OPTION = (float, int, NoneType), (int, NoneType), (str, NoneType)
COUNT_FIELDS = ("epochs", "best_epoch", "parameters", "trainable")
RESULT_FORMAT = 1  # raised when a result can no longer be read as before, not for added fields
EARLIER_FIELDS = {"before": "before", "forgetting": "source"}  # of 0.1: names in `added` since


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
    added: dict[str, dict[str, float]] = field(default_factory=dict)  # as `Learner.facts` says
    evaluations: dict[str, dict[str, Any]] = field(default_factory=dict)  # settings and frames

    def __str__(self) -> str:
        split = "test" if "test" in self.rows else "val"
        scored = {k: v for k, v in self.metrics.items() if k.startswith(f"{split}/")}
        headline = [f"{split}/{name}" for name in HEADLINE_METRICS]
        names = [name for name in headline if name in scored] or [*scored]
        metrics = [metric_text(name, scored[name]) for name in names[:1]]
        return "  ".join([self.run, *metrics, f"{self.seconds:.1f} s"])


FIELDS = {field.name for field in fields(Result)}


def read_result(folder: Path) -> Result | None:
    """The result of the finished run in a folder, or None.

    Raises: LeptonError when the file is there and cannot be read.
    """
    path = folder / RESULT_FILE
    if not path.is_file():
        return None
    content = read_run_json(folder, RESULT_FILE, "a result of lepton's")
    try:
        version = content.pop("format", 1)
        if version != RESULT_FORMAT:
            raise LeptonError(
                f"{path}: has format {version}, and this version of lepton reads {RESULT_FORMAT}; "
                "read it with the version that wrote it (environment.json), or take another study"
            )
        earlier = {new: content[old] for old, new in EARLIER_FIELDS.items() if content.get(old)}
        content["added"] = {**earlier, **content.get("added", {})}
        result = Result(**{name: content[name] for name in content.keys() & FIELDS})
        _check_types(result)
        check_stored_config(result.config)
        return result
    except (ValueError, TypeError, AttributeError, KeyError, Damaged) as e:
        raise Damaged(f"{path}: not a result of lepton's ({e}); remove the folder") from None


def finished_result(folder: Path) -> Result:
    """The result of the run in a folder, which must be finished.

    Raises: LeptonError when it is not, or its result cannot be read.
    """
    result = read_result(folder)
    if result is None:
        raise no_finished_run(folder)
    return result


def no_finished_run(place: Path) -> LeptonError:
    """The error for a place that is no finished run's; of a study it names one of its runs."""
    for study in (place, Path("runs") / place):
        if runs := sorted(path.parent for path in study.glob(f"[!.]*/{RESULT_FILE}")):
            return LeptonError(f"{place}: is a study; name one of its runs, as {runs[0]}")
    return LeptonError(f"{place}: holds no finished run")


def require_test_split(folder: Path, purpose: str) -> None:
    """Raises: LeptonError for the run of a folder that has no test split, which `purpose` needs."""
    if "test" not in finished_result(folder).rows:
        raise LeptonError(f"{folder}: has no test split (dataset.test_size=0); {purpose} needs one")


def _check_types(result: Result) -> None:
    """Raises: ValueError for a value that cannot be one of a result's."""
    config = result.config
    if not isinstance(config, dict):
        raise ValueError(f"config is {config!r:.60}")
    numbers = {name: getattr(result, name) for name in ("score", "seconds", "memory_mb")}
    counts = {name: getattr(result, name) for name in COUNT_FIELDS}
    counts["seed"] = config.get("seed")
    names = {"run": result.run, "trained": result.trained}
    nodes: dict[str, Any] = {}
    for name, record in result.evaluations.items():
        nodes |= {f"{name}/{key}": record[key] for key in ("settings", "frames")}
    allowed_types = [(numbers, NUMBER), (counts, COUNT), (names, str), (nodes, dict)]
    allowed_types += [(result.metrics, NUMBER), (result.constant, NUMBER), (result.rows, COUNT)]
    allowed_types += [(added, NUMBER) for added in result.added.values()]
    allowed_types += [(result.choices, OPTION)]
    for values, allowed in allowed_types:
        for name, value in values.items():
            if not isinstance(value, allowed):
                raise ValueError(f"{name} is {value!r:.60}")
    for text in (*names.values(), *result.choices, *result.choices.values()):
        (text or "").encode()  # halves of characters are no names


def save_result(result: Result, folder: Path) -> None:
    """Writes the last file of a run; `writing_run` syncs all of them before it names the run."""
    (folder / RESULT_FILE).write_text(_json_text(result))


def replace_result(result: Result, folder: Path) -> None:
    """Gives a finished run another result, at once."""
    replace_covered(folder, RESULT_FILE, _json_text(result).encode())


def _json_text(result: Result) -> str:
    return json.dumps({"format": RESULT_FORMAT, **asdict(result)}, indent=1, default=str)
