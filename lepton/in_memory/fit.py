"""fit: a run of rows in memory, which are kept in its study."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lepton.config.check import check
from lepton.config.compose import compose_unchecked, literal_overrides
from lepton.config.identity import run_folder
from lepton.config.words import shell_word, value_text
from lepton.dataset.clean.suggestion import suggestion
from lepton.errors import ConfigError, DataError
from lepton.in_memory.given_rows import GivenRows, gather, one_of
from lepton.in_memory.kept_tables import forget, keep, kept_path
from lepton.notebook.python_calls import python_call, words_of
from lepton.notebook.run_result import RunResult
from lepton.run import evaluated, train_checked
from lepton.storage.namesakes import as_it_lies
from lepton.storage.results import Result
from lepton.storage.study import refresh_tables

if TYPE_CHECKING:
    from omegaconf import DictConfig

log = logging.getLogger("lepton")
TABLE, TO_COME = "parquet", "to-be-kept"
PATHS = ("dataset.path", "dataset.test_path")
READ_BY = {"dataset.text": "text_csv", "dataset.image": "image_folder"}  # keys of other data sets


def fit(
    data: Any,
    *overrides: str,
    target: str | Sequence[str] | None = None,
    y: Any = None,
    val: Any = None,
    test: Any = None,
    groups: Any = None,
    weight: str | None = None,
    sample_weight: Any = None,
) -> RunResult:
    """The result of `lepton train OVERRIDES` on rows in memory: trained now, or read when done.

    `data` is a DataFrame of pandas or polars, or anything else with Arrow's capsules or the
    interchange protocol, an array, a dict of columns, a Hugging Face Dataset, or a list of texts,
    paths, Pillow images or rows. `target` names its column or columns; or `y` holds the targets.
    `val` and `test` are further rows of the same form, with `y` as pairs (X, y); `groups`, a column
    or its cells, says which rows must not be divided. `weight` names the column by which rows count
    in the loss, or `sample_weight` holds its cells.
    Raises: DataError, ConfigError; and what `train` raises.
    """
    with python_call():
        words = _checked_words(overrides)
        weights = one_of(weight=weight, sample_weight=sample_weight)
        given = gather(data, target=target, y=y, val=val, test=test, groups=groups, weights=weights)
        folder, _ = train_given(given, words)
        refresh_tables(folder.parent)
        return RunResult.read(as_it_lies(folder))


def _checked_words(overrides: Sequence[Any]) -> list[str]:
    """The overrides. Raises: DataError for targets in their place, LeptonError for other things."""
    for given in overrides:
        is_words = isinstance(given, list | tuple) and all(isinstance(word, str) for word in given)
        if hasattr(given, "__len__") and not (isinstance(given, str) or is_words):
            kind = type(given).__name__
            raise DataError(f"fit: a {kind} is no word; targets by name: fit(X, y=...)")
    return words_of("fit", overrides, {})


def train_given(given: GivenRows, overrides: Sequence[str]) -> tuple[Path, Result]:
    """The folder and the result of the run of given rows, which are kept first."""
    words = _words(given, overrides)
    cfg = _composed(words, given)
    study = _study_of(cfg)
    tables = {path: kept_path(table, study) for path, table in _paths(given).items()}
    with _kept(given, tables):
        config = check(_with_paths(cfg, words, tables))
        folder = run_folder(config)
        log.info("the same again: lepton train %s", _typed(config))
        return folder, evaluated(config, folder, train_checked(config, folder))


def _composed(words: Sequence[str], given: GivenRows) -> "DictConfig":
    """The config of the words before the rows are kept.

    Raises: ConfigError for what is wrong with the words, without the files that are to come.
    """
    try:
        return compose_unchecked(*words, *(f"{path}={TO_COME}" for path in _paths(given)))
    except ConfigError as e:
        raise ConfigError(*(p for p in e.problems if repr(TO_COME) not in p)) from None


def _study_of(cfg: "DictConfig") -> Path:
    """The folder of the study, in which rows are kept. Raises: ConfigError for what is no text."""
    for key in ("runs", "study"):
        if not isinstance(cfg[key], str):
            raise ConfigError(f"{key}: {cfg[key]} is not str")
    return Path(cfg.runs) / cfg.study


def _words(given: GivenRows, overrides: Sequence[str]) -> list[str]:
    """The overrides that tell of the rows, as far as the caller's own do not, and these.

    Raises: ConfigError for one that names another file, and without a target.
    """
    keys = {*_set_by(overrides)}
    for path in PATHS:
        if path in keys:
            raise ConfigError(f"{path}: fit keeps the rows that it is given; leave it out")
    settings = {
        "dataset": data_set(given, overrides),
        "dataset.name": given.rows.name,
        **given.settings,
    }
    for key, value in settings.items():
        if "${" in (text := _text(value)):
            raise ConfigError(f"{key}: {text} is read as an interpolation; rename what has ${{")
    if "dataset.target" not in keys | settings.keys():
        columns = given.rows.table.column_names
        if named := [word for word in overrides if word in columns]:
            raise ConfigError(f"{named[0]!r} is a column; to predict it: target={named[0]!r}")
        raise ConfigError(
            "target: name the column to predict, target='COLUMN', or give its values as y"
            f"{suggestion('', columns)}"
        )
    told = [f"{k}={_text(value)}" for k, value in settings.items() if k not in keys]
    return [*told, *overrides]


def data_set(given: GivenRows, overrides: Sequence[str]) -> str:
    """The option that reads the rows: as overrides say, or their keys, or as the rows are."""
    values = _set_by(overrides)
    by_key = next((name for key, name in READ_BY.items() if key in values), given.rows.dataset)
    return values.get("dataset", by_key)


def _set_by(overrides: Sequence[str]) -> dict[str, str]:
    """What overrides set, as it is typed, by the keys."""
    return {key: value for key, _, value in (text.lstrip("+").partition("=") for text in overrides)}


def _text(value: Any) -> str:
    """A value, or a list of them, in Hydra's grammar."""
    return f"[{','.join(map(_text, value))}]" if isinstance(value, list) else value_text(value)


def _paths(given: GivenRows) -> dict[str, pa.Table]:
    """The tables to keep by the keys that are to name their files."""
    tables = dict(zip(PATHS, (given.rows.table, given.test), strict=True))
    return {path: table for path, table in tables.items() if table is not None}


def _with_paths(cfg: "DictConfig", words: Sequence[str], tables: dict[str, Path]) -> "DictConfig":
    from omegaconf import OmegaConf, open_dict

    with open_dict(cfg):
        for key, path in tables.items():
            OmegaConf.update(cfg, key, str(path))
        paths = [f"{key}={_text(str(path))}" for key, path in tables.items()]
        cfg.overrides = literal_overrides([*words, *paths])
    return cfg


def _typed(config: dict[str, Any]) -> str:
    return " ".join(map(shell_word, config["overrides"]))


@contextmanager
def _kept(given: GivenRows, tables: dict[str, Path]) -> Iterator[None]:
    """Keeps the tables; those that are new and cannot be used go again."""
    new: list[Path] = []
    try:
        for key, table in _paths(given).items():
            new += [tables[key]] if keep(table, tables[key]) else []
        yield
    except (ConfigError, DataError):
        for path in new:
            forget(path)
        raise
