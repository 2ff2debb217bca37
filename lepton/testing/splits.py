"""The contract of the rows of a data set: what its splits hold, against what its spec says."""

from collections.abc import Iterator

import torch
from torch import Tensor

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.data import Data
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
        """Numbers, categories and tokens are there if the spec has them, and only then."""
        spec = self.spec
        sizes = {
            "num": (len(spec.num_features), "num_features"),
            "cat": (len(spec.cat_features), "cat_features"),
            "tokens": (spec.vocabulary, "a vocabulary"),
        }
        for split, rows in self.data.splits.items():
            for name, (size, field) in sizes.items():
                assert (name in rows) == (size > 0), (
                    f"{split}: `{name}` must be there if the spec has {field}, and only then; it "
                    f"{'is' if name in rows else 'is not'} there"
                )

    def test_inputs_have_the_columns_and_the_dtype_of_their_kind(self) -> None:
        """Numbers are float32 and categories int64, with a column for each feature of the spec."""
        expected = {
            "num": (len(self.spec.num_features), torch.float32),
            "cat": (len(self.spec.cat_features), torch.int64),
        }
        for split, name, values in self._tensors("num", "cat"):
            actual = (values.shape[1], values.dtype)
            assert actual == expected[name], (
                f"{split}: `{name}` must have columns, dtype {expected[name]}; has {actual}"
            )

    def test_numbers_are_finite(self) -> None:
        """No number is infinite or missing."""
        for split, _, values in self._tensors("num"):
            count = int((~values.isfinite()).sum())
            assert not count, f"{split}: numbers must be finite; {count} are not"

    def test_category_codes_lie_below_their_cardinality(self) -> None:
        """Category codes go from 0 to below the cardinality that the spec says."""
        sizes = torch.tensor(self.spec.cat_cardinalities)
        for split, _, codes in self._tensors("cat"):
            strays = codes[(codes < 0) | (codes >= sizes)].tolist()
            assert not strays, (
                f"{split}: codes must lie in [0, cardinality) of their feature; {strays[:5]} do not"
            )

    def test_tokens_lie_in_the_vocabulary(self) -> None:
        """Tokens go from 0 to below the size of the vocabulary."""
        for split, _, tokens in self._tensors("tokens"):
            strays = tokens[(tokens < 0) | (tokens >= self.spec.vocabulary)].tolist()
            assert not strays, (
                f"{split}: tokens must lie in [0, vocabulary) = [0, {self.spec.vocabulary}); "
                f"{strays[:5]} do not"
            )

    def test_texts_are_as_long_as_the_spec_allows(self) -> None:
        """Texts have from 1 to `max_length` tokens."""
        for split, _, tokens in self._tensors("tokens"):
            length = self.data.splits[split]["length"]
            longest = min(self.spec.max_length, tokens.shape[1])
            strays = length[(length < 1) | (length > longest)].tolist()
            assert not strays, (
                f"{split}: lengths must be from 1 to the spec's max_length, {longest} here; "
                f"{strays[:5]} are not"
            )

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
        """Targets are int64 for classes, else float32; several labels are columns."""
        task, outputs = self.spec.task, self.spec.outputs
        dtype = torch.int64 if task == "multiclass" else torch.float32
        for split, _, target in self._tensors("target"):
            shape = (len(target), outputs) if task == "multilabel" else (len(target),)
            assert (tuple(target.shape), target.dtype) == (shape, dtype), (
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

    def test_quantiles_in_the_spec_span_the_training_numbers(self) -> None:
        """`spec.quantiles` go from the smallest to the largest training value."""
        if self.spec.num_features:
            ends = torch.tensor(self.spec.quantiles)[:, [0, -1]]
            actual = torch.stack(self.data.splits["train"]["num"].aminmax(dim=0), 1).to(ends)
            differs = ~torch.isclose(ends, actual, rtol=1e-4, atol=1e-5).all(1)
            assert not differs.any(), (
                "spec.quantiles must go from the smallest to the largest training value of each "
                f"number, {actual[differs][0].tolist()}; they go {ends[differs][0].tolist()}"
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
