"""The layers that a model says it has, and what of it stays as it is while the rest is trained."""

from collections.abc import Iterable

from torch import nn

from lepton.compat.torch import has_running_statistics
from lepton.errors import ConfigError


def layers(model: nn.Module) -> list[tuple[str, ...]]:
    """Names of the modules and parameters of each layer, from the input to the head.

    Raises: ConfigError when the model does not say.
    """
    if not hasattr(model, "layers"):
        why = getattr(model, "nothing_below", "does not say which layers it has below its head")
        raise ConfigError(
            f"finetune: {type(model).__name__} {why}; take another network, or give one of yours "
            "layers(), features(batch) and head (lepton/testing/)"
        )
    return [tuple(joined.split("+")) for joined in model.layers()]


def under(model: nn.Module, names: Iterable[str]) -> list[str]:
    """The parameters that are, or lie in, what is named."""
    starts = tuple(f"{name}." for name in names)
    return [name for name, _ in model.named_parameters() if f"{name}.".startswith(starts)]


def in_words(model: nn.Module) -> str:
    """The layers as a person would say them."""
    return ", ".join(" with ".join(names) for names in layers(model))


def made_new(model: nn.Module) -> frozenset[str]:
    """Parameters that no weights were loaded for; every strategy trains them."""
    return getattr(model, "made_new", frozenset())


def always(model: nn.Module) -> set[str]:
    """The parameters that every strategy trains: the head, and what is made new."""
    return {*under(model, layers(model)[-1]), *made_new(model)}


def matched(model: nn.Module, names: Iterable[str], *, option: str, what: str) -> set[str]:
    """Parameters that a strategy looks for below the head.

    Raises: ConfigError naming the layers there are, when it found none.
    """
    found = set(names) - always(model)
    if not found:
        raise ConfigError(
            f"finetune={option}: {type(model).__name__} has no {what} below its head; "
            f"its layers: {in_words(model)}"
        )
    return found


def train_only(model: nn.Module, names: Iterable[str]) -> None:
    """Freezes all parameters but those named; a frozen layer's statistics stay as they are."""
    kept = set(names)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in kept)
    parts = [set(under(model, names)) for names in layers(model)]
    for prefix, module in model.named_modules():
        if has_running_statistics(module):
            own = {f"{prefix}.{name}" for name, _ in module.named_parameters(recurse=False)}
            around = own or set().union(*(part for part in parts if _holds(part, prefix)))
            hold_still(module, still=not around & kept)


def _holds(part: set[str], prefix: str) -> bool:
    """Whether a module without parameters lies beside some of a layer's."""
    parent = prefix.rpartition(".")[0]
    return any(name.startswith(f"{parent}.") for name in part)


def hold_still(module: nn.Module, *, still: bool) -> None:
    """Keeps one module in eval mode, whatever mode its model is in; or no longer."""
    if not hasattr(module, "still"):
        module.register_forward_pre_hook(_stay)
    elif module.still and not still:
        module.training = True
    module.still = still


def _stay(module: nn.Module, _) -> None:
    if module.still:
        module.training = False
