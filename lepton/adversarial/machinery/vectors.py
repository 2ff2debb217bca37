"""Vectors: what a network makes of its inputs first, or last, to be moved in their place."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from lepton.adversarial.machinery.passes import logits_apart
from lepton.attack.rows import Change
from lepton.errors import ConfigError
from lepton.method import Batch, output_apart
from lepton.model.embedding_layers import embedding_layers
from lepton.model.layers import tunable
from lepton.task import Task

VectorPlace = Literal["embeddings", "features"]
FEATURES = "features"  # the tensor of a batch on which a head is trained alone


class Vectors:
    """The embeddings of tokens and categories in a network, or the features that its head reads.

    Where a head is trained alone, on features, these are moved, whatever was chosen. Of a layer
    that is called several times in a pass, the first call is meant.
    """

    def __init__(self, at: VectorPlace):
        self.at: VectorPlace = at

    def require(self, option: str, model: nn.Module) -> None:
        """Raises: ConfigError that names the option, for a model without any of these."""
        if self._layers(model):
            return
        name = type(model).__name__
        if self.at == "features":
            raise ConfigError(
                f"adversarial.{option}.at, model: {name} has no layer `head`, whose inputs could "
                f"be moved; adversarial.{option}.at=embeddings moves tokens and categories"
            )
        raise ConfigError(
            f"adversarial.{option}.at, model: {name} embeds neither tokens nor categories; "
            f"adversarial.{option}.at=features moves what its head reads, and adversarial=fgsm the "
            "inputs themselves"
        )

    def values(self, model: nn.Module, batch: Batch) -> Change:
        """The vectors of a batch; the pass ends where the last of them is there.

        Shapes: each (B, ...).
        """
        if FEATURES in batch:
            return {FEATURES: batch[FEATURES]}
        layers, seen = self._layers(model), Change()

        def note(name: str, value: Tensor) -> Tensor:
            seen.setdefault(name, value.detach())
            if len(seen) == len(layers):
                raise _AllSeen
            return value

        with torch.no_grad(), suppress(_AllSeen), self._intercepted(layers, note):
            output_apart(model, batch)
        if not seen:
            raise ConfigError(
                f"adversarial, model: {type(model).__name__} computes without its {self.at}, so "
                "that nothing of them can be moved"
            )
        return {name: value for name, value in seen.items() if _is_of_rows(value, batch)}

    def units(self, model: nn.Module, values: Change) -> Change:
        """The standard deviation in which a change of each is measured: that of all embeddings
        that a layer has, of features that of the batch. Shapes: each ()."""
        layers = self._layers(model)
        tables = {name: getattr(layers.get(name), "weight", None) for name in values}
        sources = {
            name: value if self.at == "features" or (table := tables[name]) is None else table
            for name, value in values.items()
        }
        return {name: source.detach().std(correction=0) for name, source in sources.items()}

    def own(self, value: Tensor, batch: Batch) -> Tensor:
        """True on the vectors of a row's own tokens, and on all of others.

        Shapes: value (B, T, D) -> (B, T, 1), else (B, ...) -> (B, 1, ...).
        """
        mask = batch.get("mask")
        if value.ndim > 2 and mask is not None and mask.shape == value.shape[:2]:
            return mask.bool().reshape(*mask.shape, *[1] * (value.ndim - 2))
        return torch.ones(
            len(value), *[1] * (value.ndim - 1), dtype=torch.bool, device=value.device
        )

    def logits(self, model: nn.Module, task: Task, batch: Batch, change: Change) -> Tensor:
        """The logits where the vectors have moved, without a trace in the model."""
        if FEATURES in batch:
            moved = batch | {FEATURES: batch[FEATURES] + change[FEATURES]}
            return logits_apart(model, task, moved)
        remaining = dict(change)

        def add(name: str, value: Tensor) -> Tensor:
            added = remaining.pop(name, None)
            return value if added is None else value + added.to(value.dtype)

        with self._intercepted(self._layers(model), add):
            return logits_apart(model, task, batch)

    def _layers(self, model: nn.Module) -> dict[str, nn.Module]:
        if self.at == "embeddings":
            return dict(embedding_layers(model))
        head = getattr(model, "head", None)
        return {FEATURES: tunable(model).head} if isinstance(head, nn.Module) else {}

    @contextmanager
    def _intercepted(
        self, layers: Mapping[str, nn.Module], function: Callable[[str, Tensor], Tensor]
    ) -> Iterator[None]:
        """Puts what the function gives in the place of what layers say, or of what a head is told,
        in the passes meanwhile."""
        with ExitStack() as hooks:
            for name, layer in layers.items():
                change = partial(function, name)
                if self.at == "embeddings":
                    handle = layer.register_forward_hook(partial(_of_result, change))
                else:
                    handle = layer.register_forward_pre_hook(partial(_of_input, change))
                hooks.callback(handle.remove)
            yield


def _of_result(
    change: Callable[[Tensor], Tensor], _: nn.Module, given: Any, said: Tensor
) -> Tensor:
    """What a layer says, changed, as a hook of torch's."""
    return change(said)


def _of_input(change: Callable[[Tensor], Tensor], _: nn.Module, given: Any) -> tuple[Any, ...]:
    """What a layer is given, the first of it changed, as a hook of torch's."""
    return change(given[0]), *given[1:]


class _AllSeen(Exception):
    """Ends a pass, since the rest of it tells nothing new."""


def _is_of_rows(value: Tensor, batch: Batch) -> bool:
    """False for vectors that all rows share, as those of places."""
    return len(value) == len(batch["id"]) and value.ndim > 1
