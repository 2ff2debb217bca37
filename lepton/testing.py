"""Contracts of models, data sets and methods, for the tests of whoever writes one.

Each function raises AssertionError with a sentence that says what was promised and what came.
A plug-in outside lepton is held to its contract by tests as these:

    from functools import partial
    from lepton import testing
    from lepton.example import make_spec

    def test_my_model_keeps_its_promises():
        for task in testing.TASKS:
            testing.check_model(partial(MyModel, width=8), make_spec(task))

    def test_my_data_keep_their_promises():
        testing.check_dataset(testing.composed_data("dataset=mine", "dataset.path=small.csv"))

    def test_my_method_keeps_its_promises():
        testing.check_method(MyMethod(rate=0.1), "model=resnet", "dataset.classes=3")
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

from lepton import build
from lepton.check import check
from lepton.config import compose
from lepton.dataset.note import Note
from lepton.dataset.token_batches import cut
from lepton.evaluate import monitor_value
from lepton.example import make_batch
from lepton.method import Method
from lepton.network import Network
from lepton.spec import DataSpec
from lepton.task import task_for

TASKS = ("binary", "multiclass", "multilabel", "regression")
SMALL = (  # what check_method trains, unless told otherwise
    *("dataset=synthetic", "dataset.rows=240", "batch_size=32", "model=mlp_small"),
    *("regularization=none", "trainer=cpu", "trainer.max_epochs=3", "trainer.progress=false"),
)


def check_model(make: Callable[..., nn.Module], spec: DataSpec) -> None:
    """Holds the network that `make(spec=...)` builds to what training relies on.

    Also with the spec's numbers alone and with its categories alone. What fine-tuning relies on,
    `layers()`, `features(batch)` and `head`, is held to where the network has `layers`.
    """
    parts = [spec]
    if spec.num_features and spec.cat_features:
        parts.append(replace(spec, cat_features=(), cat_cardinalities=()))
        parts.append(replace(spec, num_features=(), quantiles=()))
    for part in parts:
        with torch.random.fork_rng(), _said_of(make, part):
            torch.manual_seed(0)
            model, batch = make(spec=part), make_batch(part)
            _check_logits(model, batch, part)
            _check_gradients(model, batch, part)
            _check_evaluation(model, batch)
            _check_state(model, make(spec=part), batch)
            if hasattr(model, "layers"):
                _check_layers(model, batch)


@contextmanager
def _said_of(make: Callable, spec: DataSpec) -> Iterator[None]:
    """Begins the sentence of a broken promise with the model and the data it was broken on."""
    name = getattr(getattr(make, "func", make), "__name__", repr(make))
    sizes = f"{len(spec.num_features)} numbers, {len(spec.cat_features)} categories"
    try:
        yield
    except AssertionError as e:
        raise AssertionError(f"{name} ({spec.task}, {sizes}): {e}") from None


def _check_logits(model: nn.Module, batch: dict[str, Tensor], spec: DataSpec) -> None:
    for mode in (True, False):
        logits = model.train(mode)(batch)
        shape, wanted = tuple(logits.shape), (len(batch["id"]), spec.outputs)
        assert shape in (wanted, (wanted[0], *shape[1:2], wanted[1])), (
            f"logits must be (rows, outputs) = {wanted}, or (rows, k, outputs) for k parallel "
            f"predictions; they are {shape}"
        )
        assert logits.isfinite().all(), "logits must be finite"


def _check_gradients(model: nn.Module, batch: dict[str, Tensor], spec: DataSpec) -> None:
    """Every trainable parameter must be part of the loss, and move it where nothing normalizes."""
    task = task_for(spec, class_weights=None, monitor=None)
    for mode in (True, False):  # in training, batch normalization cancels a bias before it
        model.zero_grad()
        task.loss(model.train(mode)(batch), task.encode(batch["target"])).backward()
        named = [(name, p.grad) for name, p in model.named_parameters() if p.requires_grad]
        assert named, "a network needs trainable parameters"
        apart = [name for name, grad in named if grad is None]
        assert not apart, f"the loss must depend on every parameter; it does not on {apart}"
        wild = [name for name, grad in named if not grad.isfinite().all()]
        assert not wild, f"gradients must be finite; those of {wild} are not"
    still = [name for name, grad in named if not grad.any()]
    assert not still, f"every trainable parameter needs a gradient; it is all zero for {still}"


@torch.no_grad()
def _check_evaluation(model: nn.Module, batch: dict[str, Tensor]) -> None:
    model.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    first = model(batch)
    assert torch.equal(first, model(batch)), "in eval mode the same batch must give the same logits"
    one = model(_first_row(batch))
    assert torch.allclose(one, first[:1], rtol=1e-4, atol=1e-5), (
        "in eval mode a row must give the same logits alone and among others"
    )
    changed = [name for name, value in model.state_dict().items() if not value.equal(before[name])]
    assert not changed, f"in eval mode nothing may change; {changed} did"


def _first_row(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """The first row alone; a text without the padding that longer ones brought."""
    row = {name: value[:1] for name, value in batch.items()}
    if "mask" in row:
        texts, length = {"tokens", "mask", "segments"} & row.keys(), int(row["mask"].sum())
        row |= {name: row[name][:, :length] for name in texts}
    return row


@torch.no_grad()
def _check_state(model: nn.Module, other: nn.Module, batch: dict[str, Tensor]) -> None:
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    try:
        saved = safetensors.torch.save(state)
    except RuntimeError as e:
        raise AssertionError(f"the state must be saved as safetensors, which says: {e}") from None
    other.load_state_dict(safetensors.torch.load(saved))
    assert torch.equal(model.eval()(batch), other.eval()(batch)), (
        "a model given another's state must give the other's logits; "
        "something it computes with is neither parameter nor buffer"
    )


def _check_layers(model: nn.Module, batch: dict[str, Tensor]) -> None:
    """Each layer is one or more names joined by `+`, from the input to the head."""
    layers = [name for joined in model.layers() for name in joined.split("+")]
    for name, _ in model.named_parameters():
        places = [layer for layer in layers if f"{name}.".startswith(f"{layer}.")]
        assert len(places) == 1, f"every parameter must lie in one of layers(); {name} in {places}"
    empty = [
        layer
        for layer in layers
        if not any(f"{name}.".startswith(f"{layer}.") for name, _ in model.named_parameters())
    ]
    assert not empty, f"every one of layers() must hold parameters; {empty} do not"
    assert model.get_submodule(layers[-1]) is model.head, "the last of layers() must be the head"
    model.eval()
    with torch.no_grad():
        features = model.features(batch)
        same = torch.equal(model.head(features), model(batch))
    assert same, "forward(batch) must be head(features(batch))"
    assert features.ndim in (2, 3), (
        "features must be (rows, width), or (rows, k, width) for k parallel predictions; "
        f"they are {tuple(features.shape)}"
    )


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
    strange = [note for note in first.notes if not isinstance(note, Note)]
    assert not strange, f"notes must be lepton.dataset.note.Note; there is {strange[:1]}"


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
    wanted = cut(train, train["length"], at) if tokens else {k: v[at] for k, v in train.items()}
    for name, value in wanted.items():
        assert torch.equal(batch[name], value), f"`{name}` of a batch must be that of its ids"


def check_method(method: Method, *overrides: str) -> None:
    """Trains a small model with the method; the words of a command line change what is trained.

    The first parameter of the model is frozen, and must stay as it is.
    """
    own = any(word.startswith("dataset=") for word in overrides)
    cfg = check(compose(*(SMALL[2:] if own else SMALL), *overrides))
    data = build.data(cfg)
    network = Network(cfg, data.spec)
    next(network.model.parameters()).requires_grad_(False)
    network.model = method.prepare(network.model, data.spec)
    assert isinstance(network.model, nn.Module), (
        f"prepare must return the model to train; it returned {network.model!r}"
    )
    network.methods = [method]
    before = {name: p.detach().clone() for name, p in network.model.named_parameters()}
    with tempfile.TemporaryDirectory() as folder:
        network.fit(data, Path(folder))
    losses = [row["train/loss"] for row in network.history]
    assert np.isfinite(losses).all(), f"the training loss must be finite; it was {losses}"
    _check_moves(network.model, before)

    task, val = network.task, data.splits["val"]
    now = monitor_value(network.predict(val), val["target"], task=task.name, metric=task.monitor)
    then = network.history[network.best_epoch][f"val/{task.monitor}"]
    assert abs(now - then) <= 1e-5 * max(1, abs(then)), (
        f"the model kept must score as in its epoch, without the method's doing: "
        f"{task.monitor} was {then}, and is {now} after training"
    )


def _check_moves(model: nn.Module, before: dict[str, Tensor]) -> None:
    named = dict(model.named_parameters())
    assert [*named] == [*before], "training must not change which parameters there are"
    still = [n for n, p in named.items() if p.requires_grad and torch.equal(p, before[n])]
    assert not still, f"trainable parameters must move; {still} did not"
    moved = [n for n, p in named.items() if not p.requires_grad and not torch.equal(p, before[n])]
    assert not moved, f"frozen parameters must not move; {moved} did"
