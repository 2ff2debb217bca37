"""For `layers()` and `columns()` of a network: names in order, and what indices stand for."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Protocol, cast

from torch import Tensor, nn

from lepton.spec import UNSEEN_CODE, DataSpec

Keys = list[tuple]  # what each index along a dimension of a tensor stands for
Columns = dict[str, tuple[int, Keys]]  # the dimension and the keys of tensors of a state


class TunableModel(Protocol):
    """A network as fine-tuning takes it: one that says which layers lie below its head.

    `forward(batch)` is `head(features(batch))`, and the last of `layers()` names the head.
    """

    @property
    def head(self) -> nn.Module:
        """The module that turns features into logits."""
        ...

    def layers(self) -> list[str]:
        """Dotted names from the input to the head; `+` joins those of one layer.

        Every parameter lies in one of them.
        """
        ...

    def features(self, batch: dict[str, Tensor]) -> Tensor:
        """The inputs of the head. Shapes: (B, width), or (B, K, width) for K predictions."""
        ...


def tunable(model: nn.Module) -> TunableModel:
    """The network as a TunableModel, which it must be: it has `layers`."""
    return cast("TunableModel", model)


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
    parameters = [name for name, _ in model.named_parameters()]
    return [
        joined
        for joined in names
        if any(f"{p}.".startswith(f"{name}.") for name in joined.split("+") for p in parameters)
    ]


def number_keys(spec: DataSpec, width: int) -> Keys:
    """The units of the numbers side by side, each `width` wide."""
    return [("number", name, unit) for name in spec.num_features for unit in range(width)]


def category_keys(spec: DataSpec, width: int) -> Keys:
    """The units of the embedded categories side by side, each `width` wide."""
    return [("category", name, unit) for name in spec.cat_features for unit in range(width)]


def code_keys(spec: DataSpec, *, unseen: bool = True) -> Keys:
    """The codes of all categorical columns, one after the other, by the names they stand for."""
    keys = []
    for column, name in enumerate(spec.cat_features):
        values = ["missing", "unseen", *spec.categories[column]] if spec.categories else []
        for code in range(spec.cat_cardinalities[column]):
            if unseen or code != UNSEEN_CODE:
                keys.append(("code", name, values[code] if code < len(values) else code))
    return keys


def embedding_columns(name: str, module: nn.Module | None, spec: DataSpec) -> Columns:
    """The columns of an embedding of numbers: its tensors that have one row for each number."""
    if module is None:
        return {}
    keys = number_keys(spec, 1)
    state = module.state_dict().items()
    return {f"{name}.{key}": (0, keys) for key, t in state if t.ndim and len(t) == len(keys)}
