"""RealMLP: an MLP whose inputs, layers and rates are as a meta-study has tuned them."""

import math
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lepton.model.inputs import CategoryEmbeddings
from lepton.model.layers import with_parameters
from lepton.spec import FIRST_CATEGORY_CODE, QUANTILE_LEVELS, DataSpec
from lepton.values.bounds import Above0, AtLeast0, AtLeast1, From0Below1

ACTIVATIONS = {"selu": F.selu, "mish": F.mish}
SCALE_RATE, BIAS_RATE, ACTIVATION_RATE, EMBEDDING_RATE = 6.0, 0.1, 0.1, 0.1
START_ROWS, MIXED_ROWS = 1024, 5  # rows made up to start from; how many make a bias


class RealMLP(nn.Module):
    """Embedded numbers and one-hot categories, a factor each, layers in NTK form, a linear output.

    Parameters that learn faster or slower than others are held divided by that rate, which under
    Adam is the same. Weights and biases start by rows that are made up of each column alone, since
    a network is built before it sees data; the paper's start by rows of the training split.
    Shapes: num (B, F) and cat (B, C) -> (B, outputs).
    Source: Holzmüller et al. 2024, https://arxiv.org/abs/2407.04491 (RealMLP-TD)
    """

    reads = ("table",)
    replayable = True

    def __init__(
        self,
        *,
        spec: DataSpec,
        hidden: list[AtLeast1],
        activation: Literal["selu", "mish"],
        dropout: From0Below1,
        clip: Above0,
        frequencies: AtLeast1,
        frequency_scale: Above0,
        num_width: AtLeast1,
        max_one_hot: AtLeast0,
        cat_width: AtLeast1,
    ):
        super().__init__()
        self.clip, self.numbers = clip, None
        if spec.num_features:
            count = len(spec.num_features)
            self.numbers = PBLD(count, num_width, frequencies, frequency_scale)
        sizes = [count - FIRST_CATEGORY_CODE for count in spec.cat_cardinalities]
        self.large = [i for i, size in enumerate(sizes) if size > max_one_hot]
        self.small = [i for i, size in enumerate(sizes) if 0 < size <= max_one_hot]
        self.one_hot = OneHotOrSign([sizes[i] for i in self.small]) if self.small else None
        self.embeddings = None
        if self.large:
            cardinalities = tuple(spec.cat_cardinalities[i] for i in self.large)
            self.embeddings = CategoryEmbeddings(cardinalities=cardinalities, width=cat_width)
        width = len(spec.num_features) * num_width + len(self.large) * cat_width
        width += self.one_hot.width if self.one_hot else 0
        self.scale = Scaling(width)
        self.blocks = nn.Sequential()
        for width_in, width_out in pairwise([width, *hidden]):
            self.blocks.append(NTKLinear(width_in, width_out))
            self.blocks.append(ParametricActivation(width_out, activation))
            self.blocks.append(nn.Dropout(dropout))
        self.output = NTKLinear(hidden[-1] if hidden else width, spec.outputs)
        self._start(made_up_rows(spec))

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        return self.output(self.features(batch))

    def features(self, batch: dict[str, Tensor]) -> Tensor:
        return self.blocks(self._inputs(batch))

    @property
    def head(self) -> nn.Module:
        return self.output

    def layers(self) -> list[str]:
        starts = range(0, len(self.blocks), 3)
        hidden = [f"blocks.{i}+blocks.{i + 1}" for i in starts]
        inputs = "+".join(with_parameters(self, ["numbers", "embeddings", "scale"]))
        return with_parameters(self, [inputs, *hidden, "output"])

    def _inputs(self, batch: dict[str, Tensor]) -> Tensor:
        """Shapes: -> (B, width)."""
        parts = []
        if self.numbers is not None:
            parts.append(self.numbers(smoothly_clipped(batch["num"], self.clip)))
        if self.one_hot is not None:
            parts.append(self.one_hot(batch["cat"][:, self.small]))
        if self.embeddings is not None:
            parts.append(self.embeddings(batch["cat"][:, self.large]).flatten(1))
        return self.scale(torch.cat(parts, 1))

    @torch.no_grad()
    def _start(self, batch: dict[str, Tensor]) -> None:
        """Starts each layer by what reaches it of these rows."""
        x = self._inputs(batch)
        for layer in (*self.blocks, self.output):
            if isinstance(layer, NTKLinear):
                layer.start(x)
            x = x if isinstance(layer, nn.Dropout) else layer(x)


def smoothly_clipped(x: Tensor, limit: float) -> Tensor:
    """Numbers bent so that none exceeds the limit; those near 0 stay."""
    return x / (1 + (x / limit).square()).sqrt()


class PBLD(nn.Module):
    """Cosines of learned frequencies and phases, a linear map of them, and the number itself.

    Shapes: (B, F) -> (B, F * width).
    """

    replayable = True

    def __init__(self, features: int, width: int, frequencies: int, scale: float):
        super().__init__()
        bound, mapped, rate = frequencies**-0.5, width - 1, EMBEDDING_RATE
        phase = math.pi * (2 * torch.rand(features, frequencies) - 1)
        weight = bound * (2 * torch.rand(features, frequencies, mapped) - 1)
        bias = bound * (2 * torch.rand(features, mapped) - 1)
        self.frequency = nn.Parameter(scale * torch.randn(features, frequencies) / rate)
        self.phase, self.weight = nn.Parameter(phase / rate), nn.Parameter(weight / rate)
        self.bias = nn.Parameter(bias / rate)

    def forward(self, x: Tensor) -> Tensor:
        rate = EMBEDDING_RATE
        waves = torch.cos(2 * math.pi * rate * self.frequency * x[:, :, None] + rate * self.phase)
        mapped = torch.einsum("bfk,fkw->bfw", waves, rate * self.weight) + rate * self.bias
        return torch.cat([mapped, x[:, :, None]], 2).flatten(1)


class OneHotOrSign(nn.Module):
    """A column a category, and one of 1 and -1 for a feature of two; missing and unseen are 0.

    Shapes: codes (B, C) -> (B, width).
    """

    replayable = True

    feature: Tensor
    code: Tensor
    opposite: Tensor

    def __init__(self, sizes: list[int]):
        super().__init__()
        columns = []
        for feature, size in enumerate(sizes):
            first = FIRST_CATEGORY_CODE
            if size == 2:
                columns.append((feature, first, first + 1))
            else:
                columns += [(feature, first + i, -1) for i in range(size)]
        self.width = len(columns)
        names = ("feature", "code", "opposite")
        for name, values in zip(names, torch.tensor(columns).T, strict=True):
            self.register_buffer(name, values.clone(), persistent=False)

    def forward(self, codes: Tensor) -> Tensor:
        held = codes[:, self.feature]
        dtype = torch.get_default_dtype()
        return (held == self.code).to(dtype) - (held == self.opposite).to(dtype)


class Scaling(nn.Module):
    """A factor for each input, which learns faster than the rest. Shapes: (B, width) -> same."""

    replayable = True

    def __init__(self, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width) / SCALE_RATE)

    def forward(self, x: Tensor) -> Tensor:
        return x * (SCALE_RATE * self.weight)


class ParametricActivation(nn.Module):
    """Between the identity and an activation, a learned share for each unit."""

    replayable = True

    def __init__(self, width: int, activation: str):
        super().__init__()
        self.function = ACTIVATIONS[activation]
        self.weight = nn.Parameter(torch.ones(width) / ACTIVATION_RATE)

    def forward(self, x: Tensor) -> Tensor:
        return x + (self.function(x) - x) * (ACTIVATION_RATE * self.weight)


class NTKLinear(nn.Module):
    """A linear map whose weights are of order 1 and divided by the root of their number.

    Shapes: (B, width_in) -> (B, width_out).
    """

    replayable = True

    def __init__(self, width_in: int, width_out: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width_out, width_in))
        self.bias = nn.Parameter(torch.zeros(width_out))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight / math.sqrt(self.weight.shape[1]), BIAS_RATE * self.bias)

    def start(self, x: Tensor) -> None:
        """Weights that give each unit a spread of 1 over rows; biases that set it to 0 near some.

        Shapes: x (N, width_in).
        """
        spread = F.linear(x, self.weight / math.sqrt(x.shape[1])).std(0, correction=0)
        self.weight /= spread.clamp(min=1e-6)[:, None]
        units = F.linear(x, self.weight / math.sqrt(x.shape[1]))
        rows = torch.randint(len(x), (MIXED_ROWS, units.shape[1]))
        shares = torch.empty(MIXED_ROWS, units.shape[1]).exponential_()
        shares /= shares.sum(0)
        self.bias.copy_(-(units.gather(0, rows) * shares).sum(0) / BIAS_RATE)


def made_up_rows(spec: DataSpec) -> dict[str, Tensor]:
    """Rows whose columns are drawn apart: numbers by their quantiles, categories evenly."""
    rows = {}
    if spec.num_features:
        levels = torch.rand(START_ROWS, len(spec.num_features)).numpy()
        places = np.linspace(0, 1, QUANTILE_LEVELS)
        columns = [np.interp(levels[:, i], places, q) for i, q in enumerate(spec.quantiles)]
        rows["num"] = torch.from_numpy(np.stack(columns, 1)).to(torch.get_default_dtype())
    if spec.cat_features:
        counts = torch.tensor(spec.cat_cardinalities) - FIRST_CATEGORY_CODE
        drawn = torch.rand(START_ROWS, len(counts)) * counts.clamp(min=1)
        rows["cat"] = drawn.long() + FIRST_CATEGORY_CODE * (counts > 0)
    return rows
