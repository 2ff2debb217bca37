"""What a data module must keep: splits, inputs, targets, statistics, seeds and rows."""

from collections.abc import Callable

import torch
from torch import Tensor

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.load.token_batches import token_batch
from lepton.spec import DataSpec

TASKS = ("binary", "multiclass", "multilabel", "regression")


def composed_data(*overrides: str) -> Callable:
    """What check_dataset takes, from the words of a command line: seed -> data module."""
    return lambda seed: build.data(check(compose(*overrides, f"seed={seed}")))


def check_dataset(make: Callable) -> None:
    """Holds the data modules that `make(seed)` returns to what training and scoring rely on."""
    first, again, other = make(0), make(0), make(1)
    for data in (first, again, other):
        data.setup()
    _check_splits(first.splits)
    for split, part in first.splits.items():
        _check_inputs(part, first.spec, split)
        _check_target(part["target"], first.spec, split)
    _check_statistics(first.splits["train"], first.spec)
    _check_seeds(first, again, other)
    _check_rows(first)
    strange = [note for note in first.notes if not isinstance(note, CleaningNote)]
    assert not strange, (
        f"notes must be lepton.dataset.clean.cleaning_note.CleaningNote; there is {strange[:1]}"
    )


def _check_splits(splits: dict[str, dict[str, Tensor]]) -> None:
    assert set(splits) == {"train", "val", "test"}, f"splits must be train, val, test: {[*splits]}"
    ids = torch.cat([part["id"] for part in splits.values()])
    assert ids.dtype == torch.int64, f"ids must be int64; they are {ids.dtype}"
    empty = [name for name, part in splits.items() if not len(part["id"])]
    assert not empty, f"no split may be empty; {empty} is"
    assert len(ids.unique()) == len(ids), "an id must be in one split, once"
    for name, part in splits.items():
        counts = {key: len(value) for key, value in part.items()}
        assert len(set(counts.values())) == 1, f"{name}: tensors differ in rows: {counts}"


def _check_inputs(part: dict[str, Tensor], spec: DataSpec, split: str) -> None:
    widths = {"num": len(spec.num_features), "cat": len(spec.cat_features)}
    dtypes = {"num": torch.float32, "cat": torch.int64}
    for name, width in widths.items():
        assert (name in part) == (width > 0), (
            f"{split}: `{name}` must be there if the spec has {name}_features, and only then"
        )
        if name in part:
            got = (part[name].shape[1], part[name].dtype)
            wanted = (width, dtypes[name])
            assert got == wanted, f"{split}: `{name}` must have columns, dtype {wanted}; has {got}"
    assert ("tokens" in part) == bool(spec.vocabulary), (
        f"{split}: `tokens` must be there if the spec has a vocabulary, and only then"
    )
    if "tokens" in part:
        known = (part["tokens"] >= 0) & (part["tokens"] < spec.vocabulary)
        assert known.all(), f"{split}: tokens must lie in [0, vocabulary)"
        longest = min(spec.max_length, part["tokens"].shape[1])
        fits = ((part["length"] >= 1) & (part["length"] <= longest)).all()
        assert fits, f"{split}: lengths must be from 1 to the spec's max_length"
    if "num" in part:
        assert part["num"].isfinite().all(), f"{split}: numbers must be finite"
    if "cat" in part:
        sizes = torch.tensor(spec.cat_cardinalities)
        fits = ((part["cat"] >= 0) & (part["cat"] < sizes)).all()
        assert fits, f"{split}: codes must lie in [0, cardinality) of their feature"


def _check_target(target: Tensor, spec: DataSpec, split: str) -> None:
    assert spec.task in TASKS, f"spec.task must be one of {TASKS}; it is {spec.task!r}"
    named = len(spec.classes)
    sizes = {"binary": (2, 1), "regression": (0, 1)}.get(spec.task, (named, named))
    assert (named, spec.outputs) == sizes, (
        f"a {spec.task} spec must have {sizes[0]} classes and {sizes[1]} outputs; "
        f"it has {named} and {spec.outputs}"
    )
    shape = (len(target), spec.outputs) if spec.task == "multilabel" else (len(target),)
    dtype = torch.int64 if spec.task == "multiclass" else torch.float32
    assert (tuple(target.shape), target.dtype) == (shape, dtype), (
        f"{split}: a {spec.task} target must be {dtype} of shape {shape}; "
        f"it is {target.dtype} of shape {tuple(target.shape)}"
    )
    if spec.task == "regression":
        assert target.isfinite().all(), f"{split}: targets must be finite"
    else:
        known = torch.arange(spec.outputs if spec.task == "multiclass" else 2).to(target)
        stray = target[~torch.isin(target, known)].unique().tolist()
        assert not stray, f"{split}: a {spec.task} target must be in {known.tolist()}, not {stray}"


def _check_statistics(train: dict[str, Tensor], spec: DataSpec) -> None:
    """What the spec says of the training split, against the split itself."""
    target = train["target"]
    assert spec.train_rows == len(target), (
        f"spec.train_rows must be {len(target)}; it is {spec.train_rows}"
    )
    if spec.task == "regression":
        names, want = "target_mean and target_std", [target.mean(), target.std(correction=0)]
        got = [spec.target_mean, spec.target_std]
    else:
        names, got = "class_counts", spec.class_counts
        counts = torch.bincount(target.long().flatten(), minlength=len(spec.classes))
        want = target.sum(0) if spec.task == "multilabel" else counts
    want = torch.as_tensor(want).double()
    assert torch.allclose(torch.tensor(got).double(), want, rtol=1e-4), (
        f"spec.{names} must be the training split's, {want.tolist()}; {list(got)} is said"
    )
    if spec.num_features:
        ends = torch.tensor(spec.quantiles)[:, [0, -1]]
        want = torch.stack(train["num"].aminmax(dim=0), 1).to(ends)
        assert torch.allclose(ends, want, rtol=1e-4, atol=1e-5), (
            "spec.quantiles must go from the smallest to the largest training value of each number"
        )


def _order(data) -> Tensor:
    return torch.cat([batch["id"] for block in data.train_dataloader() for batch in block])


def _check_seeds(first, again, other) -> None:
    for split, part in first.splits.items():
        for name, value in part.items():
            here = f"{split}: `{name}` must"
            assert torch.equal(value, again.splits[split][name]), f"{here} be the same each time"
            same = torch.equal(value, other.splits[split][name])
            assert same, f"{here} not depend on the seed of the run"
    assert torch.equal(_order(first), _order(again)), "the same seed must give the same order"
    assert not torch.equal(_order(first), _order(other)), "another seed must give another order"


def _check_rows(data) -> None:
    """An epoch shows each training row once, but for a lone last one, and whole."""
    train, seen = data.splits["train"], _order(data)
    rows = (len(train["id"]), len(seen), len(seen.unique()))
    assert rows[2] == rows[1] >= rows[0] - 1, (
        f"an epoch must show each of {rows[0]} rows once; it shows {rows[1]}, {rows[2]} different"
    )
    loader = data.train_dataloader()
    gave = [len(batch["id"]) for block in loader for batch in block]
    told = {"rows": loader.rows, "num_batches": loader.num_batches}
    assert [*told.values()] == [sum(gave), len(gave)], f"the loader says {told}, and gives {gave}"
    full = min(loader.batch_size, loader.rows)
    assert set(gave[:-1]) <= {full}, f"batches but the last must have {full} rows; they have {gave}"
    place = {row: i for i, row in enumerate(train["id"].tolist())}
    batch = next(iter(loader))[0]
    at = torch.tensor([place[row] for row in batch["id"].tolist()])
    tokens = "tokens" in train
    wanted = (
        token_batch(train, train["length"], at) if tokens else {k: v[at] for k, v in train.items()}
    )
    for name, value in wanted.items():
        assert torch.equal(batch[name], value), f"`{name}` of a batch must be that of its ids"
