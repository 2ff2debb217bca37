"""What a model must keep: shapes, gradients, evaluation, state, and what it says of its layers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import safetensors.torch
import torch
from torch import Tensor, nn

from lepton.example import make_batch
from lepton.spec import DataSpec
from lepton.task import task_for


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
