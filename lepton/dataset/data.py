"""The base of all data sets: reads rows, encodes the target, splits, and hands out batches."""

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lepton.compat.lightning import pl
from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.clean.file_parts import FileParts
from lepton.dataset.clean.row_weights import RowWeights
from lepton.dataset.clean.selection import Selection, join_files
from lepton.dataset.clean.target import ReadTarget, Target, encode_target
from lepton.dataset.describe.class_notes import absent_class_notes
from lepton.dataset.describe.odd_cells import odd_cell_notes
from lepton.dataset.describe.telling_columns import telling_column_notes
from lepton.dataset.encode_splits import encode_splits, raw_splits
from lepton.dataset.inputs import absence
from lepton.dataset.inputs.kind import InputKind, Rows
from lepton.dataset.load.batch_cutter import BatchCutter
from lepton.dataset.load.batches import EvaluationBatches, TrainingBatches
from lepton.dataset.load.epoch_sampler import EpochSampler, rows_to_train_on
from lepton.dataset.load.length_batches import LengthTrainingBatches
from lepton.dataset.load.split_arrays import SplitArrays, move_batch
from lepton.dataset.load.streaming import FileSource, set_up
from lepton.dataset.load.target_digits import on_device, with_target_to_learn
from lepton.dataset.load.train_loader import TrainLoader
from lepton.dataset.own_data import no_reading, tables_read
from lepton.dataset.read.generated_mark import generated_notes, refuse_generated
from lepton.dataset.read.raw_table import RawTable
from lepton.dataset.read.same_file import refuse_same_file
from lepton.dataset.split.split_frame import split_frame, training_groups
from lepton.dataset.split.split_rows import SplitRows
from lepton.dataset.split.split_settings import SplitSettings
from lepton.method import Batch
from lepton.spec import DataSpec
from lepton.values.bounds import Above0To1, AtLeast0, AtLeast1, From0Below1


class Data(pl.LightningDataModule):
    """Base of the data sets; each kind of inputs that one `provides` makes tensors of its rows.

    A constructor puts an object of each kind into `inputs`. After `setup`: `spec`, `notes` and the
    `splits` train, val and test, tensors by name: `target`, `id` and those of the inputs.
    Units: `id` counts the rows as read from 0; those of a test file go on after the data file's.
    """

    provides: tuple[str, ...] = ("table",)  # its kinds of inputs, by their short or dotted names
    folder_keys: tuple[str, ...] = ()  # of its YAML, that may name a folder, hashed by its files
    content_keys: tuple[str, ...] | None = None  # of its YAML, that tell its data beside files
    memory_gb: float | None = None  # that rows of a `stream_source` may take; more are streamed
    streamed_from: str | None = None  # where the splits lie that are too large for memory, and why
    read_whole: str | None = None  # what is said of rows that are too large, but cannot be streamed
    groups: np.ndarray | None = None  # of training rows, where a split keeps groups together
    row_chances: Tensor | None = None  # how often training rows are drawn; None: each once an epoch
    is_fetched: bool = False  # where reading the rows may take a network, so that no check does
    spec: DataSpec
    inputs: list[InputKind]
    selection = Selection()  # of the rows and columns that are used
    unread_inputs: Sequence[InputKind] = ()  # those that the model does not read

    def __init__(
        self,
        *,
        target: str | list[str] | None,
        task: str | None,
        positive: str | int | bool | None,
        max_numeric_classes: AtLeast0,
        split: Literal["stratified", "random", "group", "time", "column"],
        split_column: str | None,
        val_size: From0Below1,
        test_size: From0Below1,
        split_seed: AtLeast0,
        folds: AtLeast1 | None,
        fold: AtLeast0 | None,
        shots: AtLeast1 | None,
        fraction: Above0To1,
        batch_size: int,
        seed: int,
        limit_batches: int | None,
        overfit_batches: int,
        weight: str | None = None,
        val_folds: AtLeast1 | None = None,
        val_fold: AtLeast0 | None = None,
        weighted_metrics: bool = True,
        validation: Literal["inside", "outside"] | None = None,
    ):
        super().__init__()
        self.target = target if isinstance(target, str) else list(target or [])
        self.read_target: ReadTarget | None = None  # of a task that reads it in a way of its own
        self.only_class: str | int | bool | None = None  # of a task that learns from one alone
        self.task, self.positive, self.max_numeric_classes = task, positive, max_numeric_classes
        parts = {"folds": folds, "fold": fold, "val_folds": val_folds, "val_fold": val_fold}
        trained = {"shots": shots, "fraction": fraction, "validation": validation}
        sizes = {"val_size": val_size, "test_size": test_size, "seed": split_seed}
        named = {"strategy": split, "column": split_column}
        self.split_settings = SplitSettings(**named, **sizes, **parts, **trained)
        self.splits, self.notes = dict[str, Rows](), list[CleaningNote]()
        self.seed, self.limit_batches, self.overfit_batches = seed, limit_batches, overfit_batches
        self.inputs, self.arrays, self.batch_size = [], SplitArrays(), batch_size
        self.weights, self.columns_read = RowWeights(weight, weighted_metrics), frozenset[str]()

    def leave_unread(self, names: Collection[str]) -> None:
        """Makes no tensors of the kinds of these names; they still say which rows there are."""
        self.unread_inputs = [kind for kind in self.inputs if kind.name in names]
        self.inputs = [kind for kind in self.inputs if kind.name not in names]

    def read(self) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """The rows, target included, and those of a test file where there is one.

        `attrs["notes"]` of a table may hold CleaningNotes on its reading.
        """
        raise no_reading(type(self).__name__)

    def tables(self) -> tuple[RawTable, RawTable | None]:
        """The rows that `read` gives; a data set may have tables that are read piece by piece."""
        return tables_read(self.read(), type(self).__name__)

    def file_names(self) -> tuple[str, str]:
        """What messages call the data file and the test file."""
        return "the data file", "the test file"

    def refuse_rows(self, table: RawTable) -> None:
        """Raises: DataError where what was read should be asked about."""

    def prepare(
        self, frame: pd.DataFrame | RawTable, file_rows: int, target: Target
    ) -> dict[str, Rows]:
        """The splits, made by what train holds; sets `spec` and adds to `notes`.

        The first `file_rows` rows are the data file's, the others a test file's.
        """
        all_kinds = [*self.inputs, *self.unread_inputs]
        for kind in all_kinds:
            target = absence.clean(kind, frame, target)
        excluded = self._excluded_columns()
        places = [kind.own_columns for kind in all_kinds if not kind.are_cells_inputs]
        odd_cells = odd_cell_notes(frame, [*excluded, *chain(*places)], self.target_columns())

        def drop_rows(rows_by_split: SplitRows) -> SplitRows:
            for kind in self.inputs:
                kind.survey(raw_splits(kind, all_kinds, frame, {}, target, excluded, self.arrays))
            for kind in all_kinds:
                rows_by_split = absence.drop_rows(kind, rows_by_split, target)
            return rows_by_split

        rows_by_split = self.rows_by_split(frame, file_rows, target, drop_rows)
        splits, self.spec = encode_splits(
            frame,
            rows_by_split,
            target,
            inputs=self.inputs,
            unread_inputs=self.unread_inputs,
            excluded=excluded,
            arrays=self.arrays,
            weights=self.weights,
        )
        self.notes += [
            *target.notes,
            *(note for kind in all_kinds for note in kind.notes),
            *self.weights.notes(splits),
            *absent_class_notes(splits, self.spec),
            *telling_column_notes(splits, self.spec),
            *odd_cells,
        ]
        return splits

    def save(self, folder: Path) -> None:
        """Writes what turns further rows into inputs."""
        for kind in self.inputs:
            kind.save(folder)

    def setup(self, stage: str | None = None) -> None:
        """Reads and prepares the data, once; what exceeds its memory is streamed from the cache."""
        if not self.splits:
            set_up(self, self._read_and_prepare)
            if self.split_settings.is_validated_inside:  # the same rows, predicted by folds
                self.splits["val"] = self.weights.held_out(self.splits["train"])

    def stream_source(self) -> FileSource | None:
        """The files that the rows can be streamed from; None where they are read whole."""
        return None

    def decode_by_batch(self, source: FileSource | None, copies: int) -> str | None:
        """Has files decoded by batch where so many copies exceed the disk, and says so."""

    def _read_and_prepare(self) -> None:
        table, files = self._read_files()
        self.notes, self.columns_read = [*table.notes], frozenset(table.columns)
        self.refuse_rows(table)
        with files.naming_rows(), self.selection.named():
            target = encode_target(
                table.source,
                self.target,
                self.task,
                self.positive,
                max_numeric_classes=self.max_numeric_classes,
                read=self.read_target,
                only_class=self.only_class,
                files=files,
            )
            self.splits = self.prepare(table.source, files.file_rows, target)

    def transfer_batch_to_device(
        self, batch: Batch | list[Batch], device: torch.device, dataloader_idx: int
    ) -> Batch | list[Batch]:
        """The batch, which lies where the trainer computes, but where rows are streamed."""
        return batch if self.streamed_from is None else move_batch(batch, device)

    def train_dataloader(self) -> TrainLoader:
        """The rows of train in shuffled batches; a data set may cut them in a way of its own."""
        tensors, kinds = self._on_device("train"), self.input_kinds()
        by_length = BatchCutter(tensors, kinds).groups_by_length
        return (LengthTrainingBatches if by_length else TrainingBatches)(
            tensors=tensors,
            batch_size=self.batch_size,
            sampler=self._epoch_sampler(),
            limit_batches=self.limit_batches,
            kinds=kinds,
        )

    def val_dataloader(self) -> Iterable[Batch]:
        """The rows of val."""
        return self.predict_dataloader("val")

    def test_dataloader(self) -> Iterable[Batch]:
        """The rows of test."""
        return self.predict_dataloader("test")

    def predict_dataloader(self, split: str = "test") -> Iterable[Batch]:
        """The rows of a split; with `overfit_batches`, val is what is trained on."""
        return EvaluationBatches(
            tensors=self._evaluation_tensors(split),
            batch_size=self.batch_size,
            limit_batches=self.limit_batches,
            kinds=self.input_kinds(),
        )

    def input_kinds(self) -> list[type[InputKind]]:
        """The kinds of inputs that the splits hold, by which batches are cut."""
        return [type(kind) for kind in self.inputs]

    def target_columns(self) -> list[str]:
        """The names of the target's columns."""
        return [self.target] if isinstance(self.target, str) else self.target

    def rows_by_split(
        self,
        frame: pd.DataFrame | RawTable,
        file_rows: int,
        target: Target,
        drop_rows: Callable[[SplitRows], SplitRows] | None = None,
    ) -> SplitRows:
        """Positions of each split among rows with a target; `drop_rows` may take some out first."""
        rows, notes = split_frame(self.split_settings, frame, file_rows, target, drop_rows)
        self.notes += notes
        self.groups = training_groups(self.split_settings, frame, target, rows["train"])
        return rows

    def _excluded_columns(self) -> dict[str, str | None]:
        """The columns that are no inputs, with a reason where there is one to say."""
        return self.weights.no_inputs(self.target_columns()) | self.split_settings.excluded

    def _read_files(self) -> tuple[RawTable, FileParts]:
        """The selected rows of all files, and which file each is of."""
        refuse_same_file(*(names := self.file_names()))
        refuse_generated(names[1], f"dataset.test_path={names[1]}")
        table, test = self.tables()
        table.notes += generated_notes(names[0], len(table), is_tested=test is None)
        self.split_settings.check(has_test_file=test is not None)
        return self.selection.rows(*join_files(table, test, names))

    def _epoch_sampler(self) -> EpochSampler:
        rank, size = (t.global_rank, t.world_size) if (t := self.trainer) else (0, 1)
        rows, chances = self._training_rows(), self.row_chances
        return EpochSampler(rows=rows, seed=self.seed, rank=rank, world_size=size, chances=chances)

    def _training_rows(self) -> Tensor:
        """The rows of train in use: all, or those of the few batches to overfit."""
        rows, most = len(self.splits["train"]["id"]), self.overfit_batches * self.batch_size
        return rows_to_train_on(rows, most=most, seed=self.seed)

    def _evaluation_tensors(self, split: str) -> dict[str, Tensor]:
        """A split's tensors; for val with `overfit_batches`, those that are trained on."""
        if split != "val" or not self.overfit_batches:
            return self._on_device(split)
        tensors, rows = self.weights.held_out(self._on_device("train")), self._training_rows()
        return {name: tensor[rows.to(tensor.device)] for name, tensor in tensors.items()}

    def _on_device(self, split: str) -> dict[str, Tensor]:
        """A split's tensors where the trainer computes, if they fit; the target to learn."""
        is_whole = self.streamed_from is None
        device = t.strategy.root_device if (t := self.trainer) and is_whole else torch.device("cpu")
        self.splits[split] = on_device(self.splits[split], device)
        return with_target_to_learn(self.splits[split], self.spec)
