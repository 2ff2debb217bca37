"""The database of MLflow, which several processes must not make at the same time."""

import importlib
import os
import sqlite3
from contextlib import closing
from pathlib import Path

PREFIX = "sqlite:///"


def sqlite_file(uri: object) -> Path | None:
    """The file of a tracking address that is one of SQLite, else None."""
    if not isinstance(uri, str) or not uri.startswith(PREFIX):
        return None
    name = uri.removeprefix(PREFIX).partition("?")[0]
    return Path(name) if name and name != ":memory:" else None


def import_client(uri: object) -> None:
    """Imports what a client of this address needs, and opens nothing. Raises: ImportError."""
    importlib.import_module("mlflow.tracking")
    if sqlite_file(uri):
        importlib.import_module("mlflow.store.tracking.sqlalchemy_store")


def make_database(path: Path) -> None:
    """Makes and migrates the database where it is not there or has no tables, under its name whole.

    MLflow makes tables one by one in the file itself: a process that meets it, or ends, on the way
    leaves one that no version of MLflow reads. Such a one is set aside as NAME.broken. The caller
    holds a lock.

    No public way: a client makes the tables when it is built, wherever its address points.
    Tried: mlflow 2.16, 3.14.
    """
    if path.is_file() and path.stat().st_size and _has_version(path):
        return
    client = importlib.import_module("mlflow.tracking").MlflowClient
    whole = path.with_name(f".{path.name}.part")
    whole.unlink(missing_ok=True)
    try:
        client(tracking_uri=f"{PREFIX}{whole}").search_experiments(max_results=1)
        if path.is_file() and path.stat().st_size:
            os.replace(path, path.with_name(f"{path.name}.broken"))
        os.replace(whole, path)
    finally:
        whole.unlink(missing_ok=True)


def _has_version(path: Path) -> bool:
    """True for a database whose tables were made to the end, of whichever version."""
    with closing(sqlite3.connect(path)) as connection:
        try:
            [[count]] = connection.execute("select count(*) from alembic_version").fetchall()
        except sqlite3.OperationalError:
            return False
        return bool(count)
