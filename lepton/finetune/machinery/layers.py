"""The layers that a model says it has, and the parameters that lie in them."""

from collections.abc import Iterable

from torch import nn

from lepton.errors import ConfigError
from lepton.model.encoder_layers import shared_blocks
from lepton.model.layers import tunable


def named_layers(model: nn.Module) -> list[tuple[str, ...]]:
    """Names of the modules and parameters of each layer, from the input to the head.

    Raises: ConfigError when the model does not say.
    """
    require_layers(model)
    return [tuple(joined.split("+")) for joined in tunable(model).layers()]


def require_layers(model: nn.Module) -> None:
    """Raises: ConfigError when the model does not say which layers it has."""
    if not hasattr(model, "layers"):
        why = getattr(model, "nothing_below", "does not say which layers it has below its head")
        raise ConfigError(
            f"finetune: {type(model).__name__} {why}; take another network, or give one of yours "
            "layers(), features(batch) and head (lepton/testing/)"
        )


def parameters_under(model: nn.Module, names: Iterable[str]) -> list[str]:
    """Names of the parameters that are, or lie in, what is named."""
    prefixes = tuple(f"{name}." for name in names)
    return [name for name, _ in model.named_parameters() if f"{name}.".startswith(prefixes)]


def describe_layers(model: nn.Module) -> str:
    """The layers in words, for a message."""
    layers = ", ".join(" with ".join(names) for names in named_layers(model))
    shared = shared_blocks(model)
    return f"{layers}; {shared}" if shared else layers


def new_parameters(model: nn.Module) -> frozenset[str]:
    """Names of the parameters that no weights were loaded for; every strategy trains them."""
    return getattr(model, "made_new", frozenset())


def mark_as_new(model: nn.Module, names: Iterable[str]) -> None:
    """Says of parameters that no weights were loaded for them."""
    # torch annotates what a module is given for tensors and modules alone
    model.made_new = frozenset(names)  # pyright: ignore[reportArgumentType]


def always_trained(model: nn.Module) -> set[str]:
    """Names of the parameters that every strategy trains: the head, and what is made new."""
    return {*parameters_under(model, named_layers(model)[-1]), *new_parameters(model)}


def require_below_head(
    model: nn.Module, names: Iterable[str], *, option: str, kind: str
) -> set[str]:
    """Those of the named parameters that not every strategy trains.

    Raises: ConfigError naming the layers there are, when there are none.
    """
    below = set(names) - always_trained(model)
    if not below:
        raise ConfigError(
            f"finetune={option}: {type(model).__name__} has no {kind} below its head; "
            f"its layers: {describe_layers(model)}"
        )
    return below
