"""Residual branches: networks say by name which parts are added to what these were given."""

from typing import Protocol, cast

from torch import nn

# of blocks of transformers (the package), by their class: what is added to a block's stream
ENDS = {
    **dict.fromkeys(
        ("BertLayer", "RobertaLayer", "XLMRobertaLayer", "ElectraLayer"),
        ("attention.output.dropout", "output.dropout"),
    ),
    **dict.fromkeys(
        (
            *("Wav2Vec2EncoderLayer", "Wav2Vec2EncoderLayerStableLayerNorm"),
            *("HubertEncoderLayer", "HubertEncoderLayerStableLayerNorm"),
        ),
        ("dropout", "feed_forward.output_dropout"),
    ),
    "ViTLayer": ("dropout",),  # which both branches of the block pass
    "ConvNextLayer": ("drop_path",),
    "ResNetBasicLayer": ("layer",),
    "ResNetBottleNeckLayer": ("layer",),
}


class ResidualModel(Protocol):
    """A network that says which residual blocks it has."""

    def residual_branches(self) -> list[list[str]]:
        """For each block, from input to head, dotted names of the modules that end its branches.

        What such a module answers is added to what the branch was given, with the rows first. It is
        a torch.nn.Sequential, or has no parameters.
        """
        ...


def residual_branches(model: nn.Module) -> list[list[str]]:
    """The ends of a network's residual branches, by block; none where it names none."""
    if not hasattr(model, "residual_branches"):
        return []
    return cast("ResidualModel", model).residual_branches()


def branches_below(model: nn.Module, name: str) -> list[list[str]]:
    """The ends that a part of a network names, by the names that they have in the network."""
    inner = residual_branches(model.get_submodule(name))
    return [[f"{name}.{end}" for end in ends] for ends in inner]


def encoder_branches(model: nn.Module, name: str) -> list[list[str]]:
    """The ends in an encoder of transformers; none where its blocks are of a class not in ENDS."""
    return [
        [f"{name}.{block}.{end}" for end in ENDS[type(module).__name__]]
        for block, module in model.get_submodule(name).named_modules()
        if type(module).__name__ in ENDS
    ]
