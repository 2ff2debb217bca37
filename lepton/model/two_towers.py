"""TwoTowers: an encoder for each of two kinds of inputs, which put both in one space."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from lepton.errors import ConfigError
from lepton.model.kind_encoders import KindEncoders
from lepton.spec import DataSpec
from lepton.values.bounds import Above0, AtLeast1, From0Below1


class TwoTowers(KindEncoders):
    """Two inputs of a row as two vectors of one length, for a task of pairs.

    The product of two such vectors is the cosine of their directions, divided by a learned
    temperature; where there is a bias, it is added to each product.
    Shapes: the inputs of two encoders -> (B, 2, outputs).
    Raises: ConfigError for data of more or fewer kinds, or for another task.
    Source: Radford et al. 2021, https://arxiv.org/abs/2103.00020, section 2.3; the bias is that of
        Zhai et al. 2023, https://arxiv.org/abs/2303.15343
    """

    tasks = ("contrastive",)

    def __init__(
        self,
        *,
        spec: DataSpec,
        encoders: dict[str, Callable[..., nn.Module]],
        hidden: list[AtLeast1],
        dropout: From0Below1,
        temperature: Above0,
        min_temperature: Above0,
        bias: float | None,
    ):
        super().__init__(spec=spec, encoders=encoders)
        if len(self.kinds) != 2:
            raise ConfigError(
                f"model: pairs are of two kinds, and there are {', '.join(self.kinds)}; choose "
                "two, as dataset.use=[image,text]"
            )
        if temperature < min_temperature:
            raise ConfigError(
                f"model.temperature: {temperature} is below model.min_temperature={min_temperature}"
            )
        self.head = PairHead(
            widths=self.widths,
            hidden=hidden,
            outputs=spec.outputs,
            dropout=dropout,
            temperature=temperature,
            min_temperature=min_temperature,
            bias=bias,
        )

    @property
    def pair_head(self) -> "PairHead":
        """The head."""
        assert isinstance(self.head, PairHead)
        return self.head

    def embed(self, kind: str, batch: dict[str, Tensor]) -> Tensor:
        """The vectors of one kind's inputs. Shapes: -> (B, outputs)."""
        features = self.encoder(kind)(batch)
        return self.pair_head.embed(self.kinds.index(kind), features)


class PairHead(nn.Module):
    """Maps the features of two encoders to one space.

    Shapes: features (B, sum(widths) + 2), whose last two say what there is -> (B, 2, outputs).
    """

    def __init__(
        self,
        *,
        widths: Sequence[int],
        hidden: Sequence[int],
        outputs: int,
        dropout: float,
        temperature: float,
        min_temperature: float,
        bias: float | None,
    ):
        super().__init__()
        self.widths, self.max_log_scale = [*widths], -math.log(min_temperature)
        directions = outputs - (bias is not None)
        if directions < 1:
            raise ConfigError("task.dimensions: 2 at least, where model.bias takes one of them")
        self.towers = nn.ModuleList(_tower(w, hidden, directions, dropout) for w in widths)
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)))
        self.bias = None if bias is None else nn.Parameter(torch.tensor(float(bias)))

    def forward(self, features: Tensor) -> Tensor:
        *parts, _ = features.split([*self.widths, 2], -1)
        return torch.stack([self.embed(side, part) for side, part in enumerate(parts)], 1)

    def embed(self, side: int, features: Tensor) -> Tensor:
        """The vectors of one of the two kinds. Shapes: (B, widths[side]) -> (B, outputs)."""
        vectors = nn.functional.normalize(self.towers[side](features), dim=-1)
        vectors = vectors * self._root_of_scale()
        if self.bias is None:
            return vectors
        last = self.bias if side == 0 else torch.ones_like(self.bias)
        return torch.cat([vectors, last.to(vectors.dtype).expand(len(vectors), 1)], -1)

    def _root_of_scale(self) -> Tensor:
        """By which both vectors are long; beyond its bound, a gradient still leads back."""
        bounded = self.log_scale.clamp(max=self.max_log_scale)
        return ((self.log_scale + (bounded - self.log_scale).detach()) / 2).exp()


def _tower(width: int, hidden: Sequence[int], outputs: int, dropout: float) -> nn.Sequential:
    layers = nn.Sequential()
    for units in hidden:
        layers += nn.Sequential(nn.Linear(width, units), nn.ReLU(), nn.Dropout(dropout))
        width = units
    return layers.append(nn.Linear(width, outputs))
