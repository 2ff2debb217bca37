"""Multi-layer perceptron on numbers and category embeddings."""

from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from lepton.model.inputs import FlatInputs, number_embeddings
from lepton.spec import DataSpec

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}
NORMALIZATIONS = {"none": None, "batch": nn.BatchNorm1d, "layer": nn.LayerNorm}


class MLP(nn.Module):
    """Blocks of linear map, normalization, activation and dropout, then a linear output.

    Shapes: num (B, F) and cat (B, C) -> (B, outputs).
    """

    def __init__(
        self,
        *,
        spec: DataSpec,
        hidden: list[int],
        activation: Literal["relu", "gelu", "silu", "tanh"],
        normalization: Literal["none", "batch", "layer"],
        dropout: float,
        cat_width: int,
        num_embedding: Literal["none", "piecewise_linear", "periodic"],
        num_width: int,
        bins: int,
        frequencies: int,
        frequency_scale: float,
    ):
        super().__init__()
        numbers = number_embeddings(
            spec=spec,
            kind=num_embedding,
            width=num_width,
            bins=bins,
            frequencies=frequencies,
            frequency_scale=frequency_scale,
        )
        self.inputs = FlatInputs(
            spec=spec, cat_width=cat_width, numbers=numbers, num_width=num_width
        )
        widths = [self.inputs.width, *hidden]
        self.blocks = nn.Sequential()
        for before, after in pairwise(widths):
            # Batch normalization subtracts whatever a bias would add.
            self.blocks.append(nn.Linear(before, after, bias=normalization != "batch"))
            if NORMALIZATIONS[normalization]:
                self.blocks.append(NORMALIZATIONS[normalization](after))
            self.blocks.append(ACTIVATIONS[activation]())
            self.blocks.append(nn.Dropout(dropout))
        self.output = nn.Linear(widths[-1], spec.outputs)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        return self.output(self.blocks(self.inputs(batch)))
