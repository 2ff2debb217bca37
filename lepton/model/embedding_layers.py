"""Finds the layers of a network that make vectors of tokens and of categories."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

from torch import nn


def embedding_layers(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yields the names and layers that make vectors of tokens and of categories.

    Of a model of transformers it is the one of tokens, not those of places and segments.
    """
    inside: set[nn.Module] = set()
    for name, module in model.named_modules():
        if module in inside:
            continue
        if isinstance(module, nn.Embedding):
            yield name, module
        elif hasattr(module, "get_input_embeddings"):
            inside |= set(module.modules())
            with suppress(NotImplementedError):
                layer = cast("Any", module).get_input_embeddings()
                if isinstance(layer, nn.Embedding):
                    yield next((n, m) for n, m in model.named_modules() if m is layer)
