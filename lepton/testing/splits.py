"""The contract of the rows of a data set: what its splits hold, against what its spec says."""

from collections.abc import Iterator

import torch
from torch import Tensor

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.data import Data
from lepton.dataset.inputs.find import kinds_in, shipped_kinds
from lepton.spec import DataSpec
from lepton.task import TASKS as TASK_CLASSES
from lepton.testing.contract import Contract

TASKS = tuple(TASK_CLASSES)  # binary, multiclass, multilabel, regression


class SplitsContract(Contract):
    """The contract of the splits that a data module holds after `setup`."""

    @property
    def data(self) -> Data:
        """The data module."""
        raise NotImplementedError

    @property
    def spec(self) -> DataSpec:
        """The spec of the data module."""
        return self.data.spec

    def test_the_splits_are_train_val_and_test(self) -> None:
        """There is a train, a val and a test split, and no other."""
        names = [*self.data.splits]
        assert {*names} == {"train", "val", "test"}, f"splits must be train, val, test: {names}"

    def test_ids_are_whole_numbers(self) -> None:
        """Ids are of dtype int64."""
        for split, rows in self.data.splits.items():
            dtype = rows["id"].dtype
            assert dtype == torch.int64, f"{split}: ids must be int64; they are {dtype}"

    def test_no_split_is_empty(self) -> None:
        """Every split has rows."""
        empty = [split for split, rows in self.data.splits.items() if not len(rows["id"])]
        assert not empty, f"no split may be empty; {empty} is"

    def test_an_id_is_in_one_split_once(self) -> None:
        """No id comes twice, in one split or in two."""
        ids = torch.cat([rows["id"] for rows in self.data.splits.values()])
        values, counts = ids.unique(return_counts=True)
        repeated = values[counts > 1].tolist()
        assert not repeated, f"an id must be in one split, once; {repeated[:5]} are repeated"

    def test_the_tensors_of_a_split_have_as_many_rows(self) -> None:
        """All tensors of a split have a value for each of its rows."""
        for split, rows in self.data.splits.items():
            counts = {name: len(values) for name, values in rows.items()}
            assert len({*counts.values()}) == 1, f"{split}: tensors differ in rows: {counts}"

    def test_inputs_are_those_that_the_spec_names(self) -> None:
        """The tensors of every kind of inputs are there if the spec describes them, or not."""
        kinds = {*shipped_kinds(), *kinds_in(self.spec)}
        for split, rows in self.data.splits.items():
            for kind in kinds:
                expected = kind.tensors_of(self.spec)
                for name in kind.tensors:
                    assert (name in rows) == (name in expected), (
                        f"{split}: `{name}` must be there if the spec describes it, and only then; "
                        f"it {'is' if name in rows else 'is not'} there"
                    )

    def test_inputs_are_as_their_kind_promises(self) -> None:
        """Each kind of inputs has the shapes, dtypes and values that the spec says."""
        for split, rows in self.data.splits.items():
            for kind in kinds_in(self.spec):
                for line in kind.broken_promises(split, rows, self.spec):
                    raise AssertionError(f"{split}: {line}")

    def test_classes_and_outputs_fit_the_task(self) -> None:
        """The spec names a task, and has as many classes and outputs as it takes."""
        spec, classes = self.spec, len(self.spec.classes)
        assert spec.task in TASKS, f"spec.task must be one of {TASKS}; it is {spec.task!r}"
        sizes = {"binary": (2, 1), "regression": (0, 1)}.get(spec.task, (classes, classes))
        assert (classes, spec.outputs) == sizes, (
            f"a {spec.task} spec must have {sizes[0]} classes and {sizes[1]} outputs; "
            f"it has {classes} and {spec.outputs}"
        )

    def test_targets_have_the_dtype_and_the_shape_of_their_task(self) -> None:
        """Targets are int64 for classes, else float32, of a quantity also float64; several labels
        are columns."""
        task, outputs = self.spec.task, self.spec.outputs
        dtype = torch.int64 if task == "multiclass" else torch.float32
        dtypes = {dtype, torch.float64} if task == "regression" else {dtype}
        for split, _, target in self._tensors("target"):
            shape = (len(target), outputs) if task == "multilabel" else (len(target),)
            is_right = target.shape == shape and target.dtype in dtypes
            assert is_right, (
                f"{split}: a {task} target must be {dtype} of shape {shape}; "
                f"it is {target.dtype} of shape {tuple(target.shape)}"
            )

    def test_targets_are_finite_and_of_known_classes(self) -> None:
        """Targets are classes of the spec, or finite values."""
        task = self.spec.task
        for split, _, target in self._tensors("target"):
            if task == "regression":
                count = int((~target.isfinite()).sum())
                assert not count, f"{split}: targets must be finite; {count} are not"
                continue
            codes = torch.arange(self.spec.outputs if task == "multiclass" else 2).to(target)
            strays = target[~torch.isin(target, codes)].unique().tolist()
            assert not strays, f"{split}: a {task} target must be in {codes.tolist()}, not {strays}"

    def test_the_spec_counts_the_training_rows(self) -> None:
        """`spec.train_rows` is the number of training rows."""
        rows = len(self.data.splits["train"]["target"])
        assert self.spec.train_rows == rows, (
            f"spec.train_rows must be {rows}; it is {self.spec.train_rows}"
        )

    def test_statistics_in_the_spec_are_those_of_the_training_targets(self) -> None:
        """Class counts, or mean and standard deviation, are those of the training split."""
        target, spec = self.data.splits["train"]["target"], self.spec
        if spec.task == "regression":
            names, stated = "target_mean and target_std", [spec.target_mean, spec.target_std]
            actual = torch.stack([target.mean(), target.std(correction=0)])
        else:
            names, stated = "class_counts", [*spec.class_counts]
            counts = torch.bincount(target.long().flatten(), minlength=len(spec.classes))
            actual = target.sum(0) if spec.task == "multilabel" else counts
        actual = actual.double()
        same = len(stated) == len(actual) and torch.allclose(
            torch.tensor(stated).double(), actual, rtol=1e-4
        )
        assert same, (
            f"spec.{names} must be the training split's, {actual.tolist()}; {stated} is said"
        )

    def test_notes_are_cleaning_notes(self) -> None:
        """All notes on the cleaning of the data are of class CleaningNote."""
        others = [note for note in self.data.notes if not isinstance(note, CleaningNote)]
        assert not others, (
            f"notes must be lepton.dataset.clean.cleaning_note.CleaningNote; there is {others[:1]}"
        )

    def _tensors(self, *names: str) -> Iterator[tuple[str, str, Tensor]]:
        """Yields split, name and values of the tensors of these names, where there are any."""
        for split, rows in self.data.splits.items():
            for name in names:
                if name in rows:
                    yield split, name, rows[name]
