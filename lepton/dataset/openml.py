"""Data sets of openml.org, through scikit-learn."""

import socket
import warnings
from contextlib import contextmanager
from urllib.error import URLError

import pandas as pd
from sklearn.datasets import fetch_openml

from lepton.dataset.tabular import TabularData
from lepton.errors import DataError


class OpenML(TabularData):
    """A data set by name or number; without a `target`, the one that the set names itself."""

    def __init__(
        self,
        *,
        name: str | None,
        version: int | None,
        data_id: int | None,
        target: str | list[str] | None,
        cache: str | None,
        timeout: float,
        **table,
    ):
        super().__init__(target=target or [], **table)
        self.which = {"name": name, "version": version, "data_id": data_id}
        self.cache, self.timeout = cache, timeout

    def read(self) -> tuple[pd.DataFrame, None]:
        frame, targets = fetch(**self.which, cache=self.cache, timeout=self.timeout)
        if not self.target and not targets:
            raise DataError("dataset.target: this OpenML set names no target; choose a column")
        self.target = self.target or (targets[0] if len(targets) == 1 else targets)
        return frame, None


def fetch(
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
    which = f"name {name!r}" if name is not None else f"id {data_id}"
    chosen = {"name": name, "version": version or "active"} if name else {"data_id": data_id}
    try:
        with _limit(timeout), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a word for each retry
            bunch = fetch_openml(
                **chosen, as_frame=True, parser="pandas", data_home=cache, n_retries=1, delay=0.1
            )
    except (URLError, TimeoutError, ConnectionError) as e:
        raise DataError(_unreached(which, e)) from None
    except ValueError as e:
        raise DataError(f"dataset=openml, {which}: {' '.join(str(e).split())}") from None
    return bunch.frame, list(bunch.target_names)


def _unreached(which: str, error: Exception) -> str:
    if getattr(error, "code", None) in (404, 412):
        return f"dataset=openml: openml.org has no set with {which}"
    reason = getattr(error, "reason", error)
    return (
        f"dataset=openml needs a network or a filled cache; {which} was not reached ({reason}); "
        "offline, use dataset=csv or dataset=parquet"
    )


@contextmanager
def _limit(seconds: float):
    """No connection opened inside waits longer than this."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
