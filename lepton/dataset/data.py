"""What every data set shares: its rows and target are read, divided, and cut into batches."""

from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lepton.compat.lightning import pl
from lepton.dataset.clean.cleaning_note import Note
from lepton.dataset.clean.target import Target, encode_target
from lepton.dataset.load.batches import Batches, InOrder, Order
from lepton.dataset.split.splitters import times
from lepton.dataset.split.splitting import Parts, Splitting
from lepton.errors import DataError
from lepton.seeds import derive


class Data(pl.LightningDataModule):
    """Base of the data sets: a kind of data says how its rows become tensors, in `prepare`.

    After `setup`: `spec`, `notes` and `splits`, which holds for train, val and test the tensors
    `target` and `id` and those of the inputs.
    Units: `id` counts the rows as read from 0; those of a test file go on after the data file's.
    """

    def __init__(
        self,
        *,
        target: str | list[str],
        task: str | None,
        positive: str | int | bool | None,
        split: Literal["stratified", "random", "group", "time", "column"],
        split_column: str | None,
        val_size: float,
        test_size: float,
        split_seed: int,
        folds: int | None,
        fold: int | None,
        shots: int | None,
        fraction: float,
        batch_size: int,
        seed: int,
        limit_batches: int | None,
        overfit_batches: int,
    ):
        super().__init__()
        self.target = target if isinstance(target, str) else list(target)
        self.task, self.positive = task, positive
        self.splitting = Splitting(
            how=split,
            column=split_column,
            val_size=val_size,
            test_size=test_size,
            seed=split_seed,
            folds=folds,
            fold=fold,
            shots=shots,
            fraction=fraction,
        )
        self.batch_size, self.seed = batch_size, seed
        self.limit_batches, self.overfit_batches = limit_batches, overfit_batches
        self.splits: dict[str, dict[str, Tensor]] = {}
        self.notes: list[Note] = []

    def read(self) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """The rows, target included, and those of a test file where there is one.

        `attrs["notes"]` of a table may hold Notes on its reading.
        """
        raise NotImplementedError

    def prepare(
        self, frame: pd.DataFrame, own: int, target: Target
    ) -> dict[str, dict[str, Tensor]]:
        """The splits; sets `spec` and adds to `notes`. The first `own` rows are the data file's."""
        raise NotImplementedError

    def setup(self, stage: str | None = None) -> None:
        if self.splits:
            return
        frame, own = self._table()
        target = encode_target(frame, self.target, self.task, self.positive)
        self.splits = self.prepare(frame, own, target)

    def transfer_batch_to_device(self, batch, device, dataloader_idx):
        """Nothing to move: batches are cut from tensors that lie where the trainer computes."""
        return batch

    def train_dataloader(self) -> Batches:
        return Batches(
            tensors=self._on_device("train"),
            batch_size=self.batch_size,
            sampler=self._order(),
            limit_batches=self.limit_batches,
        )

    def val_dataloader(self) -> InOrder:
        return self.predict_dataloader("val")

    def test_dataloader(self) -> InOrder:
        return self.predict_dataloader("test")

    def predict_dataloader(self, split: str = "test") -> InOrder:
        """The rows of a split in order; with `overfit_batches`, val is what is trained on."""
        return InOrder(
            tensors=self._evaluated(split),
            batch_size=self.batch_size,
            limit_batches=self.limit_batches,
        )

    def target_columns(self) -> list[str]:
        return [self.target] if isinstance(self.target, str) else self.target

    def divide(
        self,
        frame: pd.DataFrame,
        own: int,
        target: Target,
        clean: Callable[[Parts], Parts] | None = None,
    ) -> Parts:
        """Positions of train, val and test among the rows that have a target.

        `clean` may take some out, before anything is drawn from them.
        """
        column = self.splitting.column
        if column is not None and column not in frame.columns:
            there = ", ".join(map(str, frame.columns[:12]))
            raise DataError(f"dataset.split_column={column}: no such column (there are: {there})")
        values = None if column is None else frame[column]
        if self.splitting.how == "time":
            values = times(values)
        return self.splitting.rows(
            own=int(target.kept[:own].sum()),
            total=int(target.kept.sum()),
            labels=target.values.astype(np.int64)
            if target.task in ("binary", "multiclass")
            else None,
            classes=tuple(target.classes),
            values=None if values is None else values[target.kept],
            clean=clean,
        )

    def _order(self) -> Order:
        rank, world_size = (
            (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        )
        return Order(rows=self._overfit_rows(), seed=self.seed, rank=rank, world_size=world_size)

    def _evaluated(self, split: str) -> dict[str, Tensor]:
        if split != "val" or not self.overfit_batches:
            return self._on_device(split)
        tensors = self._on_device("train")
        rows = self._overfit_rows().to(tensors["id"].device)
        return {name: tensor[rows] for name, tensor in tensors.items()}

    def _table(self) -> tuple[pd.DataFrame, int]:
        """The rows of all files, and how many come from the data file."""
        frame, test = self.read()
        self.notes = [note for file in (frame, test) if file is not None for note in _said(file)]
        self.splitting.check(test_file=test is not None)
        if test is None:
            return frame, len(frame)
        absent = [repr(name) for name in frame.columns if name not in test.columns]
        if absent:
            raise DataError(f"the test file lacks {', '.join(absent)}, which the data file has")
        return pd.concat([frame, test[list(frame.columns)]], ignore_index=True), len(frame)

    def _overfit_rows(self) -> Tensor:
        """The training rows in use: all, or those of the few batches to overfit."""
        rows = len(self.splits["train"]["id"])
        if not self.overfit_batches:
            return torch.arange(rows)
        generator = torch.Generator().manual_seed(derive(self.seed, "overfit"))
        chosen = torch.randperm(rows, generator=generator)
        return chosen[: self.overfit_batches * self.batch_size].sort().values

    def _on_device(self, split: str) -> dict[str, Tensor]:
        """A split's tensors, moved whole, once, to where the trainer computes."""
        device = self.trainer.strategy.root_device if self.trainer else torch.device("cpu")
        self.splits[split] = {name: t.to(device) for name, t in self.splits[split].items()}
        return self.splits[split]


def target_tensor(target: Target, rows: np.ndarray) -> Tensor:
    dtype = torch.int64 if target.task == "multiclass" else torch.float32
    return torch.from_numpy(np.asarray(target.values)[rows]).to(dtype)


def _said(frame: pd.DataFrame) -> list[Note]:
    """The notes of whoever read the table, taken off it."""
    return frame.attrs.pop("notes", [])
