"""MLP: a multi-layer perceptron on numbers and category embeddings."""

from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from lepton.errors import ConfigError
from lepton.model.inputs import FlatInputs
from lepton.model.layers import Columns, code_keys, embedding_columns, with_parameters
from lepton.spec import DataSpec
from lepton.storage.machine_memory import memory_excess
from lepton.values.bounds import Above0, AtLeast1, From0Below1

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}
NORMALIZATIONS = {"none": None, "batch": nn.BatchNorm1d, "layer": nn.LayerNorm}


class MLP(nn.Module):
    """Blocks of linear map, normalization, activation and dropout, then a linear output.

    Shapes: num (B, F) and cat (B, C) -> (B, outputs).
    """

    reads = ("table",)
    replayable = True

    def __init__(
        self,
        *,
        spec: DataSpec,
        hidden: list[AtLeast1],
        activation: Literal["relu", "gelu", "silu", "tanh"],
        normalization: Literal["none", "batch", "layer"],
        dropout: From0Below1,
        cat_width: AtLeast1,
        num_embedding: Literal["none", "piecewise_linear", "periodic"],
        num_width: AtLeast1,
        bins: AtLeast1,
        frequencies: AtLeast1,
        frequency_scale: Above0,
    ):
        super().__init__()
        self.inputs = FlatInputs(
            spec=spec,
            cat_width=cat_width,
            num_embedding=num_embedding,
            num_width=num_width,
            bins=bins,
            frequencies=frequencies,
            frequency_scale=frequency_scale,
        )
        widths = [self.inputs.width, *hidden]
        _refuse_beyond_memory(widths)
        self.blocks = nn.Sequential()
        for width_in, width_out in pairwise(widths):
            # Batch normalization subtracts whatever a bias would add.
            self.blocks.append(nn.Linear(width_in, width_out, bias=normalization != "batch"))
            if NORMALIZATIONS[normalization]:
                self.blocks.append(NORMALIZATIONS[normalization](width_out))
            self.blocks.append(ACTIVATIONS[activation]())
            self.blocks.append(nn.Dropout(dropout))
        self.output = nn.Linear(widths[-1], spec.outputs)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        return self.output(self.features(batch))

    def features(self, batch: dict[str, Tensor]) -> Tensor:
        return self.blocks(self.inputs(batch))

    @property
    def head(self) -> nn.Module:
        return self.output

    def layers(self) -> list[str]:
        starts = [i for i, layer in enumerate(self.blocks) if isinstance(layer, nn.Linear)]
        ends = [*starts[1:], len(self.blocks)] if starts else []
        hidden = [
            "+".join(with_parameters(self, (f"blocks.{i}" for i in range(*span))))
            for span in zip(starts, ends, strict=True)
        ]
        return with_parameters(self, ["inputs", *hidden, "output"])

    def columns(self, spec: DataSpec) -> Columns:
        first_weight = "blocks.0.weight" if len(self.blocks) else "output.weight"
        return {
            **embedding_columns("inputs.numbers", self.inputs.numbers, spec),
            "inputs.categories.table.weight": (0, code_keys(spec)),
            first_weight: (1, self.inputs.unit_keys(spec)),
        }


def _refuse_beyond_memory(widths: list[int]) -> None:
    """Raises: ConfigError for layers whose weights, in 32 bits and once, exceed the memory."""
    weights = sum(a * b for a, b in pairwise(widths))
    if excess := memory_excess(4 * weights):
        raise ConfigError(
            f"model.hidden: {weights:.2g} weights between layers of {widths} units take {excess}"
        )
