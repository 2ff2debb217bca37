"""Low-rank updates of linear layers and convolutions, for LoRA, DoRA and AdaLoRA."""

import re
from typing import Any

from torch import nn

from lepton.errors import ConfigError
from lepton.finetune.machinery.adapters import (
    adaptable_layers,
    adaptable_linear_layers,
    exact_pattern,
    import_peft,
    inject_adapters,
)


def low_rank_layers(
    model: nn.Module,
    *,
    rank: int,
    alpha: float,
    dropout: float,
    targets: list[str] | None,
    option: str,
    rank_key: str = "rank",
) -> list[str]:
    """The names of the layers that get updates of a rank.

    Raises: ConfigError for sizes with which nothing would be learned.
    """
    if rank < 1:
        raise ConfigError(f"finetune.{rank_key}: {rank} is too small; 1 at least")
    if not alpha > 0:
        raise ConfigError(f"finetune.alpha: {alpha} would undo every update; above 0")
    if not 0 <= dropout < 1:
        raise ConfigError(f"finetune.dropout: {dropout} is not a share, 0 to below 1")
    names = adaptable_layers(model, targets, option)
    layers = [model.get_submodule(name) for name in names]
    widest = max(size for layer in layers for size in layer.get_parameter("weight").shape)
    if rank > widest:
        raise ConfigError(f"finetune.{rank_key}: {rank} is above the widest layer's {widest}")
    return names


def inject_low_rank(
    model: nn.Module,
    *,
    rank: int,
    alpha: float,
    dropout: float,
    targets: list[str] | None,
    option: str,
    **variant: Any,
) -> nn.Module:
    """The network with updates of a rank, which are trained; `variant` is for peft's LoraConfig.

    Raises: ConfigError, as `low_rank_layers`.
    """
    names = low_rank_layers(
        model, rank=rank, alpha=alpha, dropout=dropout, targets=targets, option=option
    )
    peft_config = import_peft().LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=exact_pattern(names),
        **variant,
    )
    return inject_adapters(model, lambda: import_peft().inject_adapter_in_model(peft_config, model))


def inject_principal(
    model: nn.Module, *, rank: int, targets: list[str] | None, option: str, **settings: Any
) -> nn.Module:
    """The network with updates that begin as the largest part of each linear layer's weight.

    The rest of the weight is frozen; what it was is remembered for `adapters_switched_off`.
    Source: Meng et al. 2024, https://arxiv.org/abs/2404.02948
    Raises: ConfigError for a rank that a layer does not have, and where no layer is linear.
    """
    names = adaptable_linear_layers(model, targets, f"{option} finetune.start=pissa")
    weights = {name: model.get_submodule(name).get_parameter("weight") for name in names}
    narrowest = min(names, key=lambda name: min(weights[name].shape))
    if rank > (width := min(weights[narrowest].shape)):
        raise ConfigError(
            f"finetune.rank: {rank} is above {width}, the rank of {narrowest}, which "
            "finetune.start=pissa divides"
        )
    before = {name: weight.detach().clone() for name, weight in weights.items()}
    model = inject_low_rank(
        model,
        rank=rank,
        targets=[re.escape(name) for name in names],
        option=option,
        init_lora_weights="pissa",
        **settings,
    )
    for name, weight in before.items():
        # torch annotates what a module is given for tensors and modules alone
        model.get_submodule(name).untuned_weight = [weight]  # pyright: ignore[reportArgumentType]
    return model
