"""The words of a run of rows in memory, and the tables in which its study keeps them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from lepton.config.words import value_text
from lepton.dataset.clean.suggestion import suggestion
from lepton.errors import ConfigError, DataError
from lepton.in_memory.given_rows import GivenRows
from lepton.in_memory.kept_tables import forget, keep

TABLE = "parquet"  # the data set that reads frames
PATHS = ("dataset.path", "dataset.test_path")
READ_BY = {"dataset.text": "text_csv", "dataset.image": "image_folder"}  # keys of other data sets


def words_of_rows(given: GivenRows, overrides: Sequence[str]) -> list[str]:
    """The overrides that tell of the rows, as far as the caller's own do not, and these.

    Raises: ConfigError for one that names another file, and without a target.
    """
    keys = {*set_by(overrides)}
    for path in PATHS:
        if path in keys:
            raise ConfigError(f"{path}: fit keeps the rows that it is given; leave it out")
    settings = {
        "dataset": data_set(given, overrides),
        "dataset.name": given.rows.name,
        **given.settings,
    }
    for key, value in settings.items():
        if "${" in (text := text_of(value)):
            raise ConfigError(f"{key}: {text} is read as an interpolation; rename what has ${{")
    if "dataset.target" not in keys | settings.keys():
        columns = given.rows.table.column_names
        if named := [word for word in overrides if word in columns]:
            raise ConfigError(f"{named[0]!r} is a column; to predict it: target={named[0]!r}")
        raise ConfigError(
            "target: name the column to predict, target='COLUMN', or give its values as y"
            f"{suggestion('', columns)}"
        )
    told = [f"{k}={text_of(value)}" for k, value in settings.items() if k not in keys]
    return [*told, *overrides]


def data_set(given: GivenRows, overrides: Sequence[str]) -> str:
    """The option that reads the rows: as overrides say, or their keys, or as the rows are."""
    values = set_by(overrides)
    by_key = next((name for key, name in READ_BY.items() if key in values), given.rows.dataset)
    return values.get("dataset", by_key)


def set_by(overrides: Sequence[str]) -> dict[str, str]:
    """What overrides set, as it is typed, by the keys."""
    return {key: value for key, _, value in (text.lstrip("+").partition("=") for text in overrides)}


def text_of(value: Any) -> str:
    """A value, or a list of them, in Hydra's grammar."""
    return f"[{','.join(map(text_of, value))}]" if isinstance(value, list) else value_text(value)


def tables_by_key(given: GivenRows) -> dict[str, pa.Table]:
    """The tables to keep by the keys that are to name their files."""
    tables = dict(zip(PATHS, (given.rows.table, given.test), strict=True))
    return {path: table for path, table in tables.items() if table is not None}


@contextmanager
def kept(given: GivenRows, tables: dict[str, Path]) -> Iterator[None]:
    """Keeps the tables; those that are new and cannot be used go again."""
    new: list[Path] = []
    try:
        for key, table in tables_by_key(given).items():
            new += [tables[key]] if keep(table, tables[key]) else []
        yield
    except (ConfigError, DataError):
        for path in new:
            forget(path)
        raise
