"""Low-rank updates of linear layers and convolutions, for LoRA and DoRA."""

from torch import nn

from lepton.errors import ConfigError
from lepton.finetune.machinery.adapters import (
    adaptable_layers,
    exact_pattern,
    import_peft,
    inject_adapters,
)


def inject_low_rank(
    model: nn.Module,
    *,
    rank: int,
    alpha: float,
    dropout: float,
    targets: list[str] | None,
    option: str,
    use_dora: bool = False,
) -> nn.Module:
    """The network with updates of a rank, which are trained.

    Raises: ConfigError for sizes with which nothing would be learned.
    """
    if rank < 1:
        raise ConfigError(f"finetune.rank: {rank} is too small; 1 at least")
    if not alpha > 0:
        raise ConfigError(f"finetune.alpha: {alpha} would undo every update; above 0")
    if not 0 <= dropout < 1:
        raise ConfigError(f"finetune.dropout: {dropout} is not a share, 0 to below 1")
    names = adaptable_layers(model, targets, option)
    layers = [model.get_submodule(name) for name in names]
    widest = max(size for layer in layers for size in layer.get_parameter("weight").shape)
    if rank > widest:
        raise ConfigError(f"finetune.rank: {rank} is above the widest layer's {widest}")
    peft_config = import_peft().LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=exact_pattern(names),
        use_dora=use_dora,
    )
    return inject_adapters(model, peft_config)
