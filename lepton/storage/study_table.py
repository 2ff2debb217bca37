"""A study's runs as one table, one row a run, from what they have written or from the index."""

from pathlib import Path
from sys import intern
from typing import TYPE_CHECKING, Any

from lepton.errors import LeptonError
from lepton.foreign_text import printable
from lepton.groups import earlier_choices
from lepton.storage.columns import COLUMN_TYPES, TEXT, check_cells
from lepton.storage.derived_record import DERIVED_KEY, own_revisions, read_record, training_config
from lepton.storage.earlier_values import REVISION, with_earlier_values
from lepton.storage.index import columns_of, indexed_rows
from lepton.storage.results import Result, finished_result
from lepton.storage.run_files import naming_damage
from lepton.storage.run_folder import CONFIG_FILE, read_config, read_failure_file, read_pruned_run

if TYPE_CHECKING:
    import pandas as pd

CHOICE_KEYS = ("choices", "overrides", "revisions")  # of a config, that are no settings


def load(study: str | Path) -> "pd.DataFrame":
    """A study as a DataFrame, one row a run that is not in progress; `lepton.load` lists its
    columns. Those of COLUMN_TYPES are always there, with those types.

    Raises: LeptonError when there is no such study.
    """
    return table_of_rows(read_rows(study_folder(study)))


def read_rows(folder: Path) -> list[dict[str, Any]]:
    """The rows of a study's runs, from what they have written or from the study's index."""
    rows = indexed_rows(folder, _read_row)
    return [{**row, "folder": str(folder / row["folder"])} for row in rows]


def table_of_rows(rows: list[dict[str, Any]]) -> "pd.DataFrame":
    """Rows of runs as a table with the columns that every study has."""
    import pandas as pd

    from lepton.compat.pandas import text_type

    types = {name: text_type() if kind == TEXT else kind for name, kind in COLUMN_TYPES.items()}
    columns = columns_of(with_earlier_values(rows))
    row_numbers = range(len(rows))
    for name, kind in types.items():
        if name not in columns:
            columns[name] = pd.Series(index=row_numbers, dtype=kind)
    table = pd.DataFrame(columns, index=row_numbers).astype(types)
    return table.copy()  # columns beside each other


def study_folder(study: str | Path) -> Path:
    """The folder of a study given by path, or by its name in runs/.

    Raises: LeptonError when there is none.
    """
    for folder in (Path(study), Path("runs") / study):
        if folder.is_dir():
            return folder
    # folders of trackers, which may lie there too, hold no runs
    studies = (p for p in Path("runs").glob("[!.]*") if any(p.glob(f"*/{CONFIG_FILE}")))
    names = sorted(study.name for study in studies)
    hint = f"studies in ./runs: {', '.join(names)}" if names else no_runs_here()
    raise LeptonError(f"{study}: no such study; {hint}")


def no_runs_here() -> str:
    """The end of a line on a study that is not there, in a folder that has none."""
    here = printable(Path("runs").absolute(), one_line=True)
    return f"none is in {here}, where `lepton train` typed here writes"


def _read_row(path: Path) -> dict[str, Any]:
    """The row of a run from the file that says how it ended, or one that says it is unreadable."""
    name, suffix = path.parent.name, path.parent.suffix
    readers = {".failed": _failed_row, ".pruned": _pruned_row}
    try:
        with naming_damage(path):
            row = readers.get(suffix, _finished_row)(path)
            check_cells(row)
    except (LeptonError, FileNotFoundError) as e:
        gone = f"{path.name}: is gone, while other files of the run are there"
        is_gone = isinstance(e, FileNotFoundError)
        error = gone if is_gone else str(e).removeprefix(f"{path.parent}/")
        row = {"run": name.removesuffix(suffix) if suffix in readers else name}
        row |= {"status": "unreadable", "error": error}
    row["folder"] = name
    texts = [*row, *(value for value in row.values() if isinstance(value, str))]
    if not "".join(texts).isascii():
        row = {_encodable(key): _encodable(value) for key, value in row.items()}
    return {intern(key): value for key, value in row.items()}  # a text a column, not one a run


def _encodable(value: Any) -> Any:
    """A text without what no file and no terminal can take: halves of characters."""
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-8", "replace").decode()
    return value


def _finished_row(path: Path) -> dict[str, Any]:
    """Raises: FileNotFoundError where there is no result; LeptonError for one that is none."""
    path.lstat()
    return row_of_result(finished_result(path.parent))


def row_of_result(result: Result) -> dict[str, Any]:
    """The row of a finished run, without its folder."""
    facts = (
        *("score", "trained", "seconds", "epochs", "best_epoch", "parameters", "trainable"),
        "memory_mb",
    )
    ended = {"run": result.run, "status": "finished"}
    return {
        **ended,
        **_settings(_with_evaluators(result)),
        **result.metrics,
        **{f"constant/{k}": v for k, v in result.constant.items()},
        **{f"{name}/{k}": v for name, added in result.added.items() for k, v in added.items()},
        **{f"rows/{k}": v for k, v in result.rows.items()},
        **{name: getattr(result, name) for name in facts},
        **ended,
    }


def _with_evaluators(result: Result) -> dict[str, Any]:
    """The config of a run with the evaluators that it was evaluated by, then or later."""
    settings = {name: record["settings"] for name, record in result.evaluations.items()}
    chosen = {"evaluation": "+".join(sorted(settings))} if settings else {}
    choices = {**result.config.get("choices", {}), **chosen}
    return {**result.config, "evaluation": settings, "choices": choices}


def _failed_row(path: Path) -> dict[str, Any]:
    failure = read_failure_file(path)
    row = {name: failure[name] for name in ("run", "status", "error")}
    return {**row, **_settings_beside(path), **row}


def _pruned_row(path: Path) -> dict[str, Any]:
    record = read_pruned_run(path.parent.with_suffix(""))
    row = {"run": record["run"], "status": "pruned", "epochs": record["epoch"] + 1}
    return {**row, **_settings_beside(path), **row}


def _settings_beside(path: Path) -> dict[str, Any]:
    config_file = path.with_name(CONFIG_FILE)
    return _settings(read_config(config_file)) if config_file.is_file() else {}


def _settings(config: dict[str, Any]) -> dict[str, Any]:
    """Chosen options under their group's name, then every other value under its dotted key.

    The settings of a derived run stand where trained ones have the values of their model.
    """
    record, values = read_record(config), training_config(config)
    choices = {**earlier_choices(values), **config.get("choices", {})}
    choices |= {f"{path}.{REVISION}": n for path, n in values.get("revisions", {}).items()}
    values = {key: v for key, v in values.items() if key not in CHOICE_KEYS}
    if record is None:
        return {**_flatten(values), **choices}
    values["model"] = record.shown_settings
    for path, number in own_revisions(config, record.command).items():
        _, *key = path.split(".")
        choices[".".join(["model", *key, REVISION])] = number
    return {**_flatten(values), **choices, DERIVED_KEY: record.command}


def _flatten(node: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for key, value in node.items():
        if isinstance(value, dict):
            if value:
                flat |= _flatten(value, f"{prefix}{key}.")
        elif key != "_target_":
            flat[f"{prefix}{key}"] = str(value) if isinstance(value, list) else value
    return flat
