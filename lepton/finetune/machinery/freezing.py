"""Freezes parameters, and holds modules in eval mode while the rest of a model is trained."""

from collections.abc import Iterable

from torch import nn

from lepton.compat.torch import has_running_statistics
from lepton.finetune.machinery.layers import always_trained, named_layers, parameters_under


def train_only(model: nn.Module, names: Iterable[str]) -> None:
    """Freezes all parameters but those named; a frozen layer's statistics stay as they are."""
    trained = set(names)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in trained)
    layers = [set(parameters_under(model, names)) for names in named_layers(model)]
    for prefix, module in model.named_modules():
        if has_running_statistics(module):
            parameters = {f"{prefix}.{name}" for name, _ in module.named_parameters(recurse=False)}
            if not parameters:
                parameters = set().union(*(layer for layer in layers if _is_beside(layer, prefix)))
            hold_in_eval_mode(module, hold=not parameters & trained)


def train_head_only(model: nn.Module) -> None:
    """Freezes a model but for its head and what is made new; holds the rest in eval mode."""
    trained = always_trained(model)
    train_only(model, trained)
    head = named_layers(model)[-1]
    for prefix, module in model.named_modules():
        parameters = {f"{prefix}.{name}".lstrip(".") for name, _ in module.named_parameters()}
        if not f"{prefix}.".startswith(tuple(f"{name}." for name in head)):
            hold_in_eval_mode(module, hold=not parameters or not parameters <= trained)


def train_all(model: nn.Module) -> None:
    """Makes every parameter trainable, in modules that are in the mode of their model again."""
    model.requires_grad_(True)
    for module in model.modules():
        hold_in_eval_mode(module, hold=False)


def _is_beside(layer: set[str], prefix: str) -> bool:
    """True when a module without parameters lies beside some parameters of a layer."""
    parent = prefix.rpartition(".")[0]
    return any(name.startswith(f"{parent}.") for name in layer)


def hold_in_eval_mode(module: nn.Module, *, hold: bool) -> None:
    """Keeps one module in eval mode, whatever mode its model is in; or no longer."""
    if not hasattr(module, "held_in_eval_mode"):
        module.register_forward_pre_hook(_LeaveTrainingMode())
    elif module.held_in_eval_mode and not hold:
        module.training = True
    # torch annotates what a module is given for tensors and modules alone
    module.held_in_eval_mode = hold  # pyright: ignore[reportArgumentType]


def is_held_in_eval_mode(module: nn.Module) -> bool:
    """True for a module that `hold_in_eval_mode` keeps there."""
    return getattr(module, "held_in_eval_mode", False)


def frozen_entries(model: nn.Module) -> set[str]:
    """Names of the entries of the state that training leaves as they are."""
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    for prefix, module in model.named_modules():
        if is_held_in_eval_mode(module):
            frozen |= {f"{prefix}.{name}" for name, _ in module.named_buffers(recurse=False)}
    return frozen


class _LeaveTrainingMode:
    """Is called before the forward pass of a module that is held in eval mode."""

    replayable = True

    def __call__(self, module: nn.Module, _: tuple) -> None:
        if module.held_in_eval_mode:
            module.training = False
