"""What a network says about itself for fine-tuning: its layers in order, and its columns."""

from collections import OrderedDict
from collections.abc import Iterable

from torch import Tensor, nn

from lepton.spec import DataSpec

UNSEEN = 1  # a code, as in lepton.preprocessing.categories
Keys = list[tuple]  # what each index along a dimension of a tensor stands for


class AllButLast(nn.Sequential):
    """A sequence whose last layer, the head, keeps its place and is called by the model."""

    def __init__(self, layers: nn.Sequential):
        super().__init__(OrderedDict(layers.named_children()))

    def forward(self, x: Tensor) -> Tensor:
        for layer in list(self)[:-1]:
            x = layer(x)
        return x


def with_parameters(model: nn.Module, names: Iterable[str]) -> list[str]:
    """Those of the names, single or joined by `+`, under which the model has parameters."""
    have = [name for name, _ in model.named_parameters()]
    return [
        joined
        for joined in names
        if any(f"{name}.".startswith(f"{part}.") for part in joined.split("+") for name in have)
    ]


def number_keys(spec: DataSpec, width: int) -> Keys:
    """The units of the numbers side by side, each `width` wide."""
    return [("number", name, unit) for name in spec.num_features for unit in range(width)]


def category_keys(spec: DataSpec, width: int) -> Keys:
    return [("category", name, unit) for name in spec.cat_features for unit in range(width)]


def code_keys(spec: DataSpec, *, unseen: bool = True) -> Keys:
    """The codes of all categorical columns, one after the other, by the names they stand for."""
    found = []
    for at, name in enumerate(spec.cat_features):
        named = ["missing", "unseen", *spec.categories[at]] if spec.categories else []
        for code in range(spec.cat_cardinalities[at]):
            if unseen or code != UNSEEN:
                found.append(("code", name, named[code] if code < len(named) else code))
    return found


def embedding_columns(name: str, module: nn.Module | None, spec: DataSpec) -> dict:
    """The tensors of an embedding of numbers that have a row a number."""
    if module is None:
        return {}
    keys = number_keys(spec, 1)
    state = {f"{name}.{own}": tensor for own, tensor in module.state_dict().items()}
    return {n: (0, keys) for n, t in state.items() if t.ndim and len(t) == len(keys)}
