"""peft's adapters in any network: put in, switched off, merged."""

import copy
import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from torch import nn

from lepton.compat.optional import import_optional
from lepton.errors import ConfigError, LeptonError
from lepton.finetune.machinery.layers import always, in_words, layers, made_new, train_only


def peft() -> ModuleType:
    """The package peft.

    Raises: LeptonError that says what to install.
    """
    return import_optional("peft", needed_by="finetune")


def linear_layers(model: nn.Module, targets: list[str] | None, option: str) -> list[str]:
    """Linear layers below the head that were loaded, or those of them that `targets` match.

    Raises: ConfigError when there are none, or one of `targets` is no regular expression.
    """
    head = tuple(f"{name}." for name in layers(model)[-1])
    found = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear)
        and not f"{name}.".startswith(head)
        and f"{name}.weight" not in made_new(model)
    ]
    patterns = None if targets is None else [_pattern(text) for text in targets]
    chosen = [n for n in found if patterns is None or any(p.fullmatch(n) for p in patterns)]
    if not chosen:
        asked = "" if targets is None else f" that matches finetune.targets={targets}"
        have = ", ".join(found) if found else f"none among its layers {in_words(model)}"
        raise ConfigError(
            f"finetune={option}: {type(model).__name__} has no linear layer below its head{asked}; "
            f"there are: {have}"
        )
    return chosen


def _pattern(text: str) -> re.Pattern:
    try:
        return re.compile(text)
    except re.error as e:
        raise ConfigError(f"finetune.targets: {text!r} is no regular expression ({e})") from None


def inject(model: nn.Module, config) -> nn.Module:
    """Puts adapters into the layers that peft's config names, and trains them."""
    kept = always(model)
    peft().inject_adapter_in_model(config, model)
    return train_with(model, kept)


def train_with(model: nn.Module, kept: set[str]) -> nn.Module:
    """Trains `kept` and the adapters; `layers` still name what they did."""
    adapters = {name for name, _ in model.named_parameters() if is_adapter(name)}
    train_only(model, kept | adapters)
    return model


def is_adapter(name: str) -> bool:
    return any(part in name for part in (".lora_", ".ia3_", "prompt_encoder."))


def exact(names: list[str]) -> str:
    """A pattern of peft's for these modules and no other."""
    return "|".join(re.escape(name) for name in names)


@contextmanager
def switched_off(model: nn.Module) -> Iterator[None]:
    """The network as it would be without adapters."""
    own = ("get_base_layer", "prompt")  # transformers' models have another enable_adapters
    switches = [m for m in model.modules() if any(hasattr(m, name) for name in own)]
    grads = [(p, p.requires_grad) for p in model.parameters()]
    for module in switches:
        module.enable_adapters(False)
    try:
        yield
    finally:
        for module in switches:
            module.enable_adapters(True)
        for parameter, needed in grads:
            parameter.requires_grad_(needed)


def merged(model: nn.Module) -> nn.Module:
    """A copy of the network with its adapters added into its own weights.

    Raises: LeptonError when an adapter is no change of weights.
    """
    model = copy.deepcopy(model)
    for name, module in list(model.named_modules()):
        if hasattr(module, "get_base_layer"):
            module.merge()
            model.set_submodule(name, module.get_base_layer())
        elif hasattr(module, "prompt"):
            raise LeptonError("finetune=prompt: learned tokens are no change of weights to merge")
    return model
