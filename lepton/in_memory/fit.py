"""fit: a run of rows in memory, which are kept in its study."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lepton.config.check import check
from lepton.config.compose import compose_unchecked, literal_overrides
from lepton.config.identity import run_folder
from lepton.config.words import shell_word
from lepton.errors import ConfigError, DataError
from lepton.in_memory.given_rows import GivenRows, gather, one_of
from lepton.in_memory.given_words import kept, tables_by_key, text_of, words_of_rows
from lepton.in_memory.kept_tables import kept_path
from lepton.notebook.python_calls import python_call, words_of
from lepton.notebook.run_result import RunResult
from lepton.run import evaluated, train_checked
from lepton.storage.namesakes import as_it_lies
from lepton.storage.results import Result
from lepton.storage.study import refresh_tables

if TYPE_CHECKING:
    from omegaconf import DictConfig

log = logging.getLogger("lepton")
TO_COME = "to-be-kept"


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
    budget: str | float | None = None,
) -> RunResult:
    """The result of `lepton train OVERRIDES` on rows in memory: trained now, or read when done.

    `data` is a DataFrame of pandas or polars, or anything else with Arrow's capsules or the
    interchange protocol, an array, a dict of columns, a Hugging Face Dataset, or a list of texts,
    paths, Pillow images or rows. `target` names its column or columns; or `y` holds the targets.
    `val` and `test` are further rows of the same form, with `y` as pairs (X, y); `groups`, a column
    or its cells, says which rows must not be divided. `weight` names the column by which rows count
    in the loss and in metrics, or `sample_weight` holds its cells. With a `budget`, as 10m, the
    overrides name an experiment that makes one run of a sweep's, as experiment=best_tabular, and
    that is the result.
    Raises: DataError, ConfigError; and what `train` raises.
    """
    with python_call():
        words = _checked_words(overrides)
        weights = one_of(weight=weight, sample_weight=sample_weight)
        given = gather(data, target=target, y=y, val=val, test=test, groups=groups, weights=weights)
        if budget is None:
            folder, _ = train_given(given, words)
        else:
            from lepton.in_memory.fit_sweep import fit_sweep  # loads the machinery of sweeps

            folder = fit_sweep(given, words, budget)
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
    words = words_of_rows(given, overrides)
    cfg = _composed(words, given)
    study = _study_of(cfg)
    tables = {path: kept_path(table, study) for path, table in tables_by_key(given).items()}
    with kept(given, tables):
        config = check(_with_paths(cfg, words, tables))
        folder = run_folder(config)
        log.info("the same again: lepton train %s", _typed(config))
        return folder, evaluated(config, folder, train_checked(config, folder))


def _composed(words: Sequence[str], given: GivenRows) -> "DictConfig":
    """The config of the words before the rows are kept.

    Raises: ConfigError for what is wrong with the words, without the files that are to come.
    """
    try:
        return compose_unchecked(*words, *(f"{path}={TO_COME}" for path in tables_by_key(given)))
    except ConfigError as e:
        raise ConfigError(*(p for p in e.problems if repr(TO_COME) not in p)) from None


def _study_of(cfg: "DictConfig") -> Path:
    """The folder of the study, in which rows are kept. Raises: ConfigError for what is no text."""
    for key in ("runs", "study"):
        if not isinstance(cfg[key], str):
            raise ConfigError(f"{key}: {cfg[key]} is not str")
    return Path(cfg.runs) / cfg.study


def _with_paths(cfg: "DictConfig", words: Sequence[str], tables: dict[str, Path]) -> "DictConfig":
    from omegaconf import OmegaConf, open_dict

    with open_dict(cfg):
        for key, path in tables.items():
            OmegaConf.update(cfg, key, str(path))
        paths = [f"{key}={text_of(str(path))}" for key, path in tables.items()]
        cfg.overrides = literal_overrides([*words, *paths])
    return cfg


def _typed(config: dict[str, Any]) -> str:
    return " ".join(map(shell_word, config["overrides"]))
