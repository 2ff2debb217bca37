"""The contract of data sets: what their splits hold, and how an epoch shows the training rows."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial

import torch
from torch import Tensor

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.dataset.data import Data
from lepton.dataset.inputs.find import kinds_in
from lepton.dataset.load.batch_cutter import BatchCutter
from lepton.dataset.load.target_digits import with_target_to_learn
from lepton.testing.contract import shared
from lepton.testing.splits import SplitsContract


def composed_data(*overrides: str) -> Callable[[int], Data]:
    """A function of a seed that builds the data module which these overrides choose."""
    composed = cache(partial(compose, *overrides))

    def build_data(seed: int) -> Data:
        cfg = composed()
        cfg.seed = seed
        return build.data(check(cfg))

    return build_data


class DatasetContract(SplitsContract):
    """The contract of a data set, of whichever kinds of inputs.

    A subclass sets `overrides`, the words of a command line that choose the data set, as
    ("dataset=mine", "dataset.path=small.csv"); or defines `build(self, seed)`.
    """

    overrides: Sequence[str] = ()

    def build(self, seed: int) -> Data:
        """The data module of a run with this seed."""
        return self._build_composed()(seed)

    @shared
    def _build_composed(self) -> Callable[[int], Data]:
        return composed_data(*self.overrides)

    @shared
    def modules(self) -> tuple[Data, Data, Data]:
        """Data modules that are set up: two with seed 0, and one with seed 1."""
        modules = self.build(0), self.build(0), self.build(1)
        for data in modules:
            data.setup()
        return modules

    @property
    def data(self) -> Data:
        """The data module that most properties are about."""
        return self.modules()[0]

    def test_rows_are_the_same_each_time(self) -> None:
        """Building the data module again gives the same splits."""
        first, again, _ = self.modules()
        for split, name in different_tensors(first, again):
            raise AssertionError(f"{split}: `{name}` must be the same each time; it is not")

    def test_rows_do_not_depend_on_the_seed_of_the_run(self) -> None:
        """Runs with other seeds have the same splits."""
        first, _, other = self.modules()
        for split, name in different_tensors(first, other):
            raise AssertionError(
                f"{split}: `{name}` must not depend on the seed of the run; it does"
            )

    def test_the_same_seed_gives_the_same_order(self) -> None:
        """The seed of the run alone decides the order of an epoch's rows."""
        first, again, _ = map(epoch_ids, self.modules())
        assert torch.equal(first, again), (
            "the same seed must give the same order of an epoch's rows; two orders came"
        )

    def test_another_seed_gives_another_order(self) -> None:
        """Runs with other seeds see the rows in another order."""
        first, _, other = map(epoch_ids, self.modules())
        assert not torch.equal(first, other), (
            "another seed must give another order of an epoch's rows; the same order came"
        )

    def test_another_epoch_has_another_order(self) -> None:
        """The rows are shuffled anew for each epoch."""
        first, second = (epoch_ids(self.data, epoch=epoch) for epoch in (0, 1))
        assert not torch.equal(first, second), (
            "sampler.set_epoch must give another order of the rows; the same order came"
        )

    def test_an_epoch_shows_each_row_once(self) -> None:
        """An epoch leaves out no training row, and repeats none."""
        rows, ids = len(self.data.splits["train"]["id"]), epoch_ids(self.data)
        count, different = len(ids), len(ids.unique())
        assert different == count >= rows - 1, (  # batch normalization needs two rows a batch
            f"an epoch must show each of {rows} rows once, but for a lone last one; it shows "
            f"{count}, {different} different"
        )

    def test_the_loader_counts_its_rows_and_batches(self) -> None:
        """`rows` and `num_batches` of the loader are those of an epoch."""
        loader, sizes = self.data.train_dataloader(), [*map(len, batch_ids(self.data))]
        stated = {"rows": loader.rows, "num_batches": loader.num_batches}
        assert [*stated.values()] == [sum(sizes), len(sizes)], (
            f"the loader says {stated}, and gives {sizes}"
        )

    def test_batches_but_the_last_are_full(self) -> None:
        """Batches have `batch_size` rows; the last may have fewer."""
        loader, sizes = self.data.train_dataloader(), [*map(len, batch_ids(self.data))]
        full = min(loader.batch_size, loader.rows)
        assert {*sizes[:-1]} <= {full}, (
            f"batches but the last must have {full} rows; they have {sizes}"
        )

    def test_a_batch_holds_the_values_of_its_rows(self) -> None:
        """A batch has the inputs and targets that the split has under its ids."""
        train, batch = self.data.splits["train"], next(iter(self.data.train_dataloader()))[0]
        train = with_target_to_learn(train, self.data.spec)
        positions = {row_id: position for position, row_id in enumerate(train["id"].tolist())}
        rows = torch.tensor([positions[row_id] for row_id in batch["id"].tolist()])
        kinds = kinds_in(self.data.spec)
        cutter = BatchCutter(train, kinds)
        expected = cutter.padded(train, rows)
        if not cutter.groups_by_length:
            expected = cutter.cut(train, rows)
        differing = [
            name
            for name, values in expected.items()
            if name not in batch or not values.equal(batch[name])
        ]
        assert not differing, (
            f"`{', '.join(differing)}` of a batch must be that of its ids; it is not"
        )

    def test_a_loader_leaves_out_the_batches_that_are_done(self) -> None:
        """A loader with `done` goes on in the middle of an epoch, as after a killed run."""
        all_batches, done = batch_ids(self.data), 1
        remaining = batch_ids(self.data, done=(0, done))
        same = [ids.tolist() for ids in remaining] == [ids.tolist() for ids in all_batches[done:]]
        assert same, (
            f"done = (epoch, {done}) must leave out the first batch of that epoch and go on with "
            f"the others; {len(remaining)} batches came where {len(all_batches) - done} were left"
        )


class _DatasetCheck(DatasetContract):
    """The contract of the data modules that a function of a seed returns."""

    def __init__(self, make: Callable[[int], Data]) -> None:
        self.make = make

    def build(self, seed: int) -> Data:
        return self.make(seed)


def check_dataset(make: Callable[[int], Data]) -> None:
    """Holds the data modules that `make(seed)` returns to DatasetContract.

    Raises: AssertionError of the first property that is broken.
    """
    _DatasetCheck(make).check()


def different_tensors(data: Data, other: Data) -> Iterator[tuple[str, str]]:
    """Yields split and name of each tensor of `data` that is not the same in `other`."""
    for split, rows in data.splits.items():
        for name, values in rows.items():
            if name not in other.splits[split] or not values.equal(other.splits[split][name]):
                yield split, name


def batch_ids(data: Data, *, epoch: int = 0, done: tuple[int, int] = (0, 0)) -> list[Tensor]:
    """The ids in each batch of an epoch, but for the batches that are done."""
    loader = data.train_dataloader()
    loader.sampler.set_epoch(epoch)
    loader.done = done
    try:
        return [batch["id"] for block in loader for batch in block]
    finally:  # a data module may give the same loader again
        loader.sampler.set_epoch(0)
        loader.done = (0, 0)


def epoch_ids(data: Data, *, epoch: int = 0) -> Tensor:
    """The ids of all rows in the order of an epoch."""
    return torch.cat(batch_ids(data, epoch=epoch))
