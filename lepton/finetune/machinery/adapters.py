"""peft's adapters in any network: injected, switched off, merged."""

import copy
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from torch import nn

from lepton.compat.optional import import_optional
from lepton.errors import ConfigError, LeptonError
from lepton.finetune.machinery.freezing import train_only
from lepton.finetune.machinery.layers import (
    always_trained,
    describe_layers,
    named_layers,
    new_parameters,
)

TURNED_LINEAR = "Conv1D"  # of transformers, which is not imported for it
ADAPTED = ".base_layer."  # in names of parameters of a layer with an adapter
CHANGE_MARKS = (".lora_", ".ia3_", ".vera_lambda_")  # in names of parameters that change weights
ADAPTER_MARKS = (*CHANGE_MARKS, "prompt_encoder.")


def import_peft() -> ModuleType:
    """The package peft.

    Raises: LeptonError that says what to install.
    """
    return import_optional("peft", needed_by="finetune")


def adaptable_layers(model: nn.Module, targets: list[str] | None, option: str) -> list[str]:
    """Linear layers and convolutions over images below the head that were loaded, or those of them
    that `targets` match.

    Raises: ConfigError when there are none, or one of `targets` is no regular expression.
    """
    head = tuple(f"{name}." for name in named_layers(model)[-1])
    candidates = [
        name
        for name, module in model.named_modules()
        if (is_linear(module) or is_convolution(module))
        and not f"{name}.".startswith(head)
        and f"{name}.weight" not in new_parameters(model)
    ]
    patterns = None if targets is None else [_pattern(text) for text in targets]
    chosen = [n for n in candidates if patterns is None or any(p.fullmatch(n) for p in patterns)]
    if not chosen:
        matching = "" if targets is None else f" that matches finetune.targets={targets}"
        there_are = ", ".join(candidates) or f"none among its layers {describe_layers(model)}"
        raise ConfigError(
            f"finetune={option}: {type(model).__name__} has no linear layer or convolution below "
            "its head"
            f"{matching}; there are: {there_are}"
        )
    return chosen


def adaptable_linear_layers(model: nn.Module, targets: list[str] | None, option: str) -> list[str]:
    """Those of `adaptable_layers` that are no convolutions.

    Raises: ConfigError, as it, and when there are only convolutions.
    """
    names = adaptable_layers(model, targets, option)
    linear = [name for name in names if is_linear(model.get_submodule(name))]
    if not linear:
        raise ConfigError(
            f"finetune={option}: takes linear layers alone, and here are convolutions: "
            f"{', '.join(names)}"
        )
    return linear


def is_linear(module: nn.Module) -> bool:
    """True for a linear layer, also for GPT-2's, whose weight lies the other way round."""
    return isinstance(module, nn.Linear) or type(module).__qualname__ == TURNED_LINEAR


def is_convolution(module: nn.Module) -> bool:
    """True for a convolution over images that sees its channels together.

    Those that see each by itself have few weights, and no update of low rank.
    """
    return isinstance(module, nn.Conv2d) and module.groups == 1


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as e:
        raise ConfigError(f"finetune.targets: {text!r} is no regular expression ({e})") from None


def inject_adapters(model: nn.Module, inject: Callable[[], object]) -> nn.Module:
    """Lets peft put adapters into a model, and trains them."""
    trained = always_trained(model)  # before layers change their names
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "fan_in_fan_out")  # which peft then sets by itself
        warnings.filterwarnings("ignore", "Specified to not save vera_A")  # drawn again by its seed
        inject()
    return train_adapters_and(model, trained)


def train_adapters_and(model: nn.Module, names: set[str]) -> nn.Module:
    """Trains the adapters of a model and the parameters named; freezes all others."""
    adapters = {name for name, _ in model.named_parameters() if is_adapter(name)}
    train_only(model, names | adapters)
    return model


def is_adapter(name: str) -> bool:
    """True for the name of a parameter that an adapter has."""
    return any(mark in name for mark in ADAPTER_MARKS)


def changes_weights(name: str) -> bool:
    """True for the name of a parameter of an adapter that can be added into weights."""
    return any(mark in name for mark in CHANGE_MARKS)


def exact_pattern(names: list[str]) -> str:
    """The pattern by which peft finds these modules and no other."""
    return "|".join(re.escape(name) for name in names)


@contextmanager
def adapters_switched_off(model: nn.Module) -> Iterator[None]:
    """Lets the network compute as if it had no adapters."""
    marks = ("get_base_layer", "prompt")  # transformers' models have another enable_adapters
    modules: list[Any] = list(model.modules())
    switches = [m for m in modules if any(hasattr(m, name) for name in marks)]
    requires_grad = [(p, p.requires_grad) for p in model.parameters()]
    for module in switches:
        module.enable_adapters(False)
    exchanged = [module for module in switches if hasattr(module, "untuned_weight")]
    try:
        _exchange_weights(exchanged)
        yield
    finally:
        _exchange_weights(exchanged)
        for module in switches:
            module.enable_adapters(True)
        for parameter, required in requires_grad:
            parameter.requires_grad_(required)


def _exchange_weights(modules: list[Any]) -> None:
    """Lets layers whose adapters took a part of the weight away compute with all of it, or back."""
    for module in modules:
        weight, [other] = module.get_base_layer().weight, module.untuned_weight
        module.untuned_weight = [weight.data]
        weight.data = other.to(weight)


def merge_adapters(model: nn.Module) -> nn.Module:
    """A copy of the network with its adapters added into its own weights.

    Raises: LeptonError when an adapter is no change of weights.
    """
    model = copy.deepcopy(model)
    vars(model).pop("peft_config", None)  # else peft takes later adapters for second ones
    modules: list[tuple[str, Any]] = list(model.named_modules())
    for name, module in modules:
        if hasattr(module, "get_base_layer"):
            module.merge()
            model.set_submodule(name, module.get_base_layer())
        elif hasattr(module, "prompt"):
            raise LeptonError("finetune=prompt: learned tokens are no change of weights to merge")
    return model
