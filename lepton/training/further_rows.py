"""Rows that methods add to the training split; those of validation and test stay what they are."""

import copy
from collections.abc import Sequence

import torch

from lepton.dataset.data import Data, Rows
from lepton.errors import ConfigError
from lepton.method import Method, overrides
from lepton.seeds import derive
from lepton.storage.run_log import log_once


def with_further_rows(data: Data, methods: Sequence[Method], seed: int) -> Data:
    """The data with what the methods add to train, each from the rows of the split alone.

    The data set itself stays as it is. Further rows have `id`s of their own, after all others.

    Raises: ConfigError where rows are streamed, and for rows that are not like those of train.
    """
    adding = [method for method in methods if overrides(type(method), "further_rows")]
    if not adding:
        return data
    if data.streamed_from is not None:
        name = adding[0].stream_name
        raise ConfigError(
            f"{name}, dataset.memory_gb: rows are added to those in memory, and these are "
            "streamed; give a larger number to hold them there"
        )
    train = data.splits["train"]
    parts, next_id = [train], 1 + max(int(rows["id"].max()) for rows in data.splits.values())
    for method in adding:
        own_seed = derive(seed, method.stream_name, "further rows")
        given = {name: values for name, values in train.items() if name != "id"}
        rows = method.further_rows(dict(given), data.spec, own_seed)
        if not rows:
            continue
        _refuse_other_rows(method, rows, given)
        count = len(rows["target"])
        log_once(f"{method.stream_name}: {count} rows beside the {len(train['id'])} of train")
        parts.append({**rows, "id": torch.arange(next_id, next_id + count)})
        next_id += count
    joined = {name: torch.cat([part[name] for part in parts]) for name in train}
    extended = copy.copy(data)
    extended.splits = {**data.splits, "train": joined}
    return extended


def _refuse_other_rows(method: Method, rows: Rows, train: Rows) -> None:
    """Raises: ConfigError for rows that have other tensors than train, or other kinds of them."""
    expected = {name: (values.shape[1:], values.dtype) for name, values in train.items()}
    actual = {name: (values.shape[1:], values.dtype) for name, values in rows.items()}
    if actual != expected or len({*map(len, rows.values())}) != 1:
        raise ConfigError(
            f"{method.stream_name}: further_rows gives {_described(actual)}; training rows have "
            f"{_described(expected)}"
        )


def _described(shapes: dict[str, tuple[torch.Size, torch.dtype]]) -> str:
    return ", ".join(f"{n} {[*shape]} {dtype}" for n, (shape, dtype) in sorted(shapes.items()))
