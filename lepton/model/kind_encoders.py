"""KindEncoders: the base of networks that have an encoder for each kind of inputs."""

from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

import torch
from torch import Tensor, nn

from lepton.errors import ConfigError
from lepton.model.inner_encoder import InnerEncoder
from lepton.model.weights_file import save_part
from lepton.spec import PRESENCE, DataSpec

Batch = dict[str, Tensor]


class KindEncoders(nn.Module):
    """Encoders by the kind that each reads; those whose kind the data lack are left out.

    The features are those of the encoders side by side, and behind them for each kind 1 where a row
    has such inputs, else 0. Of an encoder with several tokens they are those of all, and one such
    mark for each. A subclass makes the head of them.
    """

    holds = ("encoders",)
    head: nn.Module

    def __init__(
        self, *, spec: DataSpec, encoders: dict[str, Callable[..., nn.Module]], tokens: int = 1
    ):
        super().__init__()
        self.kinds = inner_kinds(spec, encoders)
        self.encoders = nn.ModuleDict(
            {kind: InnerEncoder(encoders[kind], spec, kind, tokens) for kind in self.kinds}
        )
        self.places = places_of_marks(spec, self.kinds)
        self.widths = [self.encoder(kind).width for kind in self.kinds]
        self.counts = [self.encoder(kind).count for kind in self.kinds]
        is_fixed = not any(True for _ in self.encoders.parameters())  # a head can be tuned alone
        self.pretrained = is_fixed or any(self.encoder(kind).pretrained for kind in self.kinds)
        if self.pretrained:
            self.made_new = frozenset(self._new_parameters())

    def encoder(self, kind: str) -> InnerEncoder:
        """The encoder of a kind."""
        encoder = self.encoders[kind]
        assert isinstance(encoder, InnerEncoder)
        return encoder

    def layers(self) -> list[str]:
        """The layers of the encoders, those that lie as far below the head joined."""
        named = [
            [self._joined(kind, names) for names in reversed(self.encoder(kind).layers())]
            for kind in self.kinds
        ]
        joined = ["+".join(filter(None, level)) for level in zip_longest(*named)]
        return [*reversed(joined), "head"]

    def _joined(self, kind: str, names: str) -> str:
        return "+".join(f"encoders.{kind}.{name}" for name in names.split("+"))

    def features(self, batch: Batch) -> Tensor:
        parts, marks = [], []
        for kind, place in zip(self.kinds, self.places, strict=True):
            values, mask = self.encoder(kind).tokens(batch)
            own = values.new_ones(values.shape[:2]) if mask is None else mask.to(values)
            if place is not None:
                own = own * batch["present"][:, place, None].to(values)
            parts.append(values.flatten(1))
            marks.append(own)
        return torch.cat([*parts, *marks], 1)

    def forward(self, batch: Batch) -> Tensor:
        return self.head(self.features(batch))

    def save_architecture(self, folder: Path) -> None:
        """Writes, for each encoder that has such, what builds it again without its weights."""
        for kind in self.kinds:
            save_part(self.encoder(kind).model, folder / kind)

    def _new_parameters(self) -> Iterator[str]:
        """Names of the encoders' parameters that no pretrained weights were loaded for."""
        for kind in self.kinds:
            yield from (f"encoders.{kind}.{name}" for name in self.encoder(kind).new_parameters())


def inner_kinds(spec: DataSpec, encoders: dict[str, Callable[..., nn.Module]]) -> list[str]:
    """The kinds of the data that have an encoder. Raises: ConfigError without one."""
    kinds = [kind for kind in spec.kinds if kind in encoders]
    if not kinds:
        raise ConfigError(
            f"model.encoders: {', '.join(encoders) or 'none'}, and the data hold "
            f"{', '.join(spec.kinds)}; give an encoder as model.encoders.KIND=NAME"
        )
    return kinds


def places_of_marks(spec: DataSpec, kinds: Sequence[str]) -> list[int | None]:
    """Where `present` marks each kind; None for one that every row has."""
    marked: Sequence[str] = spec.inputs.get(PRESENCE, {}).get("kinds", ())
    return [list(marked).index(kind) if kind in marked else None for kind in kinds]
