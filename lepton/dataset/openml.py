"""Data sets of openml.org, through scikit-learn."""

import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.error import URLError

import pandas as pd
from sklearn.datasets import fetch_openml

from lepton.dataset.tabular import TabularData
from lepton.errors import DataError
from lepton.values.bounds import Above0, AtLeast1


class OpenML(TabularData):
    """A data set by name or number; without a `target`, the one that the set names itself."""

    is_fetched = True
    content_keys = ("name", "version", "data_id")

    def __init__(
        self,
        *,
        name: str | None,
        version: AtLeast1 | None,
        data_id: AtLeast1 | None,
        target: str | list[str] | None,
        cache: str | None,
        timeout: Above0,
        **table: Any,
    ):
        super().__init__(target=target or [], **table)
        self.fetch_options = {
            "name": name,
            "version": version,
            "data_id": data_id,
            "cache": cache,
            "timeout": timeout,
        }

    def read(self) -> tuple[pd.DataFrame, None]:
        """The whole table; sets `target` where the config names none."""
        frame, own_targets = fetch_table(**self.fetch_options)
        if not self.target and not own_targets:
            raise DataError("dataset.target: this OpenML set names no target; choose a column")
        self.target = self.target or (own_targets[0] if len(own_targets) == 1 else own_targets)
        return frame, None


def fetch_table(
    *,
    name: str | None,
    version: int | None,
    data_id: int | None,
    cache: str | None,
    timeout: float,
) -> tuple[pd.DataFrame, list[str]]:
    """The whole table, and the names of its own targets.

    Units: timeout in seconds, for each request.
    Raises: DataError without a network, and for a set that does not exist.
    """
    if (name is None) == (data_id is None):
        raise DataError("dataset=openml: give either dataset.name or dataset.data_id")
    label = f"name {name!r}" if name is not None else f"id {data_id}"
    key = {"name": name, "version": version or "active"} if name else {"data_id": data_id}
    try:
        with _connection_timeout(timeout), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # one for each retry
            bunch = fetch_openml(
                **key, as_frame=True, parser="pandas", data_home=cache, n_retries=1, delay=0.1
            )
    except (URLError, TimeoutError, ConnectionError) as e:
        raise DataError(_not_reached(label, e)) from None
    except ValueError as e:
        raise DataError(f"dataset=openml, {label}: {' '.join(str(e).split())}") from None
    return bunch.frame, list(bunch.target_names)


def _not_reached(label: str, error: Exception) -> str:
    if getattr(error, "code", None) in (404, 412):
        return f"dataset=openml: openml.org has no set with {label}"
    reason = getattr(error, "reason", error)
    return (
        f"dataset=openml needs a network or a filled cache; {label} was not reached ({reason}); "
        "offline, use dataset=csv or dataset=parquet"
    )


@contextmanager
def _connection_timeout(seconds: float) -> Iterator[None]:
    """Lets no connection that is opened inside wait longer than this."""
    previous = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(previous)
