"""The run of a study that is meant where a key of a config names the study."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lepton.errors import ConfigError
from lepton.pretrained.weight_files import is_network_run, weight_files
from lepton.storage.run_folder import CONFIG_FILE, RESULT_FILE
from lepton.storage.run_log import log_once
from lepton.storage.study_table import read_rows
from lepton.values.metric_text import metric_name, metric_text

VALIDATION = "dataset.validation"  # a column
Row = Mapping[str, Any]  # of a study's table


def run_to_start_from(init_from: str, runs: str) -> str:
    """The folder of the only or best network of the study that `init_from` names, as
    `best_run_of_study` has it."""
    return best_run_of_study("init_from", init_from, runs, is_network_run, "run of a network")


def best_run_of_study(
    key: str, name: str, runs: str, takes: Callable[[Path], bool], what: str
) -> str:
    """The folder of the only or best run of the study that a key names, best on validation.

    What names no study is returned as it is; `runs` is the folder in which studies lie, `takes`
    says which runs may be taken, and `what` how these are called.
    Raises: ConfigError for a study in which there is none, or none is the best.
    """
    study = _study(name, runs)
    if study is None:
        return name
    of_study: Sequence[Row] = read_rows(study)
    rows: list[Row] = [row for row in of_study if _can_be_taken(row, takes)]
    if not rows:
        damaged = [row for row in of_study if row["status"] == "unreadable"]
        first = "".join(f"; {row['folder']}: {row['error']}" for row in damaged[:1])
        raise ConfigError(f"{key}: {name}: a study without a finished {what}{first}")
    best = max(sorted(rows, key=lambda row: row["run"]), key=lambda row: row["score"])
    if len(rows) > 1:
        metric = _common_metric(key, name, rows, best)
        reason = f"the best of {len(rows)} runs by {metric_text(metric, best[metric])}"
    else:
        reason = f"its only finished {what}"
    log_once(f"{key}={name}: {best['folder']}, {reason}")
    return str(best["folder"])


def _study(name: str, runs: str) -> Path | None:
    """The folder of the study of this name or path; None for all else that can be started from."""
    path = Path(name)
    if not name or path.is_file() or (path / RESULT_FILE).exists() or weight_files(path):
        return None
    places = (path, Path(runs) / name)
    return next((place for place in places if any(place.glob(f"*/{CONFIG_FILE}"))), None)


def _can_be_taken(row: Row, takes: Callable[[Path], bool]) -> bool:
    is_scored = row["status"] == "finished" and row["score"] == row["score"]
    return is_scored and takes(Path(row["folder"]))


def _common_metric(key: str, name: str, rows: list[Row], best: Row) -> str:
    """The validation metric that the scores of all rows are.

    Raises: ConfigError where runs are of several data sets or monitored metrics, or where folds
        validated some and a split of their own the others.
    """
    advice = f"they do not compare; name a run, as {key}={best['folder']}"
    data = {row.get("data_identity.content") or row.get("dataset") for row in rows}
    if len(data) > 1:
        names = sorted({str(row.get("data_identity.name") or row.get("dataset")) for row in rows})
        several = f"runs on several data sets ({', '.join(names)})"
        raise ConfigError(f"{key}: {name}: {several}; {advice}")
    uses = {row.get(VALIDATION) or "outside" for row in rows}  # older runs lack it
    if len(uses) > 1:
        names = " and ".join(sorted(uses))
        used = f"its runs used their labels in different ways ({VALIDATION}={names})"
        raise ConfigError(f"{key}: {name}: {used}; {advice}")
    possible = [_possible_metrics(row) for row in rows]
    if common := [metric for metric in possible[0] if all(metric in p for p in possible)]:
        return common[0]
    metrics = sorted({metric_name(names[0]) for names in possible})
    raise ConfigError(f"{key}: {name}: scores are {' and '.join(metrics)}; {advice}")


def _possible_metrics(row: Row) -> list[str]:
    """The validation metrics that a run's score may be, which have its value; a task's own first.

    It is the score where none has its value.
    """
    names = [name for name in row if name.startswith("val/") and isinstance(row[name], float)]
    names = [name for name in names if abs(row[name]) == abs(row["score"])]
    monitor = f"val/{row.get('task.monitor')}"
    return [monitor] if monitor in names else names or ["score"]
