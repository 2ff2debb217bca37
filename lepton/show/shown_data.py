"""ShownData: a data set as a page needs it: split and cleaned, with its rows as they were read."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from lepton import build
from lepton.config.data_identity import data_identity
from lepton.dataset.data import Data
from lepton.dataset.describe.told_faults import faults_told
from lepton.dataset.inputs.kind import InputKind
from lepton.dataset.inputs.measured import some_rows
from lepton.dataset.read.raw_table import RawTable, join_tables
from lepton.dataset.split.split_rows import held_out
from lepton.show.column_profile import ColumnProfile, ProfiledRows, profile_column
from lepton.show.distribution import MAX_GROUPS
from lepton.show.target_groups import TargetGroups

ASKED_SHARE = 0.5  # rows of val and test beside those of train, at most
MAX_CELLS = 20_000_000  # of a profile; of wide tables fewer rows are looked at
PLACE_ROWS = 1000  # where cells only say where inputs lie, which are then read


@dataclass(frozen=True)
class ShownData:
    """A data set that is set up, its rows as they were read, and its groups by the target.

    `order`: the groups, those with most training rows first; of a number as they are.
    `faults`: what would end a training, a line each.
    """

    name: str
    content: str  # the digest of what it is
    data: Data
    table: RawTable
    groups: TargetGroups
    order: list[int]
    faults: list[str]

    @property
    def splits(self) -> list[str]:
        """The names of the splits, train first."""
        return ["train", *held_out(self.data.splits)]

    def counts(self) -> dict[str, np.ndarray]:
        """The rows of each group, by split. Shapes: (groups,)."""
        splits = self.data.splits
        return {s: self.groups.counts(rows["target"]) for s, rows in splits.items()}

    def columns(self, kind: InputKind) -> list[str]:
        """The columns that are no target and no other kind's."""
        others = [n for k in self.data.inputs if k is not kind for n in k.own_columns]
        taken = {*others, *self.data.target_columns()}
        return [str(name) for name in self.table.columns if name not in taken]

    def samples(self, group: int, count: int) -> np.ndarray:
        """Positions in the table of training rows of a group, evenly spread."""
        train = self.data.splits["train"]
        is_member = self.groups.members(train["target"], group)
        ids = train["id"].numpy()[is_member]
        return ids[evenly(len(ids), count)]

    def raw(self, kind: InputKind, rows: np.ndarray, most: int) -> pd.DataFrame:
        """Rows as they were read, with the columns of a kind, `most` at most."""
        names = self.columns(kind)
        first = list(kind.own_columns) or names
        return some_rows(self.table, [*dict.fromkeys([*first, *names])][:most], rows)

    def profiles(self, rows: int) -> Iterator[ColumnProfile]:
        """Yields what is told of each column of each kind, from so many rows of train at most."""
        for kind in self.data.inputs:
            names = self.columns(kind)
            most = min(rows, MAX_CELLS // max(1, len(names)))
            most = most if kind.are_cells_inputs else min(most, PLACE_ROWS)
            positions, profiled = self._profiled(max(most, 1))
            for column in kind.measured(self.table, names, positions):
                yield profile_column(column, profiled, self._notes_on(column.name))

    def _profiled(self, most: int) -> tuple[np.ndarray, ProfiledRows]:
        """The positions of rows to profile, evenly spread, those of train first."""
        parts = [self._some("train", most)]
        parts += [
            self._some(s, max(1, int(most * ASKED_SHARE / 2))) for s in held_out(self.data.splits)
        ]
        ids = np.concatenate([ids for ids, _ in parts])
        target = torch.cat([target for _, target in parts])
        train = len(parts[0][0])
        rank = np.full(len(self.groups.names), -1)
        rank[self.order[:MAX_GROUPS]] = np.arange(min(MAX_GROUPS, len(self.order)))
        numbers = self.groups.numbers(parts[0][1])
        colours = np.where(numbers < 0, -1, rank[numbers])
        task = self.groups.task
        has_target = task in ("binary", "multiclass", "multilabel", "regression")
        rows = ProfiledRows(train, colours, target.numpy(), task == "regression", has_target)
        return ids, rows

    def _some(self, split: str, most: int) -> tuple[np.ndarray, torch.Tensor]:
        rows = self.data.splits[split]
        places = torch.from_numpy(evenly(len(rows["id"]), most))
        return rows["id"][places].numpy(), rows["target"][places]

    def _notes_on(self, column: str) -> list[str]:
        """What cleaning said of a column."""
        place = f"column {column}"
        return [
            f"{note.what} ({note.count})"
            for note in self.data.notes
            if note.where == place or note.where.endswith(f", {place}")
        ]


def read_shown_data(config: dict[str, Any]) -> ShownData:
    """Reads, cleans and splits the data set of a config of `lepton show`.

    Files that differ or cannot be read are told, in `faults`.
    Raises: DataError for what else cannot be used, as a training would.
    """
    data = build.unread_data(config, every_kind=True)
    log = logging.getLogger("lepton")
    before, log.disabled = log.disabled, True  # the page tells what is told
    try:
        with faults_told() as faults:
            data.setup()
        table, test = data.tables()
    finally:
        log.disabled = before
    whole = join_tables(table, test, data.file_names()) if test is not None else table
    train = data.splits["train"]["target"]
    groups = TargetGroups.of(data.spec, train)
    sizes = groups.counts(train)
    largest_first = np.argsort(-sizes, kind="stable").tolist()
    order = list(range(len(groups.names))) if groups.edges else largest_first
    identity = data_identity(config)
    return ShownData(identity["name"], identity["content"], data, whole, groups, order, faults)


def evenly(length: int, count: int) -> np.ndarray:
    """So many places, evenly spread, among `length`; all where there are no more."""
    if length <= count:
        return np.arange(length)
    return (np.arange(count) * length) // count
