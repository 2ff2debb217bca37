"""What a method must keep: it trains, moves what may move, and keeps the best model's score."""

import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.method import Method
from lepton.metric.scoring import monitor_value
from lepton.training.learner import build_learner

DATA = ("dataset=synthetic", "dataset.rows=240")  # what check_method trains on, and how,
SMALL = (  # unless told otherwise
    *("batch_size=32", "model=mlp_small", "regularization=none"),
    *("trainer=cpu", "trainer.max_epochs=3", "trainer.progress=false"),
)


def check_method(method: Method, *overrides: str) -> None:
    """Trains a small model with the method; the words of a command line change what is trained.

    The first parameter of the model is frozen, and must stay as it is.
    """
    other = any(word.startswith("dataset=") for word in overrides)
    cfg = check(compose(*(() if other else DATA), *SMALL, *overrides))
    data = build.data(cfg)
    network = build_learner(cfg, data.spec)
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
