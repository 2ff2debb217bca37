"""InnerEncoder: a network inside of another one, which takes what its last linear layer would."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from torch import Tensor, nn

from lepton.errors import ConfigError
from lepton.model.layers import tunable, with_parameters
from lepton.model.token_features import Tokens, thinned, token_model
from lepton.spec import DataSpec


class InnerEncoder(nn.Module):
    """A network without the linear layer that ends its head; a head's dropout stays.

    Of a network that is a head alone, its `features`. It has `count` tokens, one of all that the
    network reads unless `most` allows more and the network has such.
    Shapes: the inputs of the network -> (B, width).
    Raises: ConfigError for a network whose head does not end in one linear layer.
    """

    def __init__(self, make: Callable[..., nn.Module], spec: DataSpec, kind: str, most: int = 1):
        super().__init__()
        self.model = make(spec=replace(spec, outputs=1))
        self.count = 1
        self.is_head_alone = not hasattr(self.model, "layers")
        if self.is_head_alone:
            self.width = _without_parameters(self.model)
            return
        linear = [m for m in tunable(self.model).head.modules() if type(m) is nn.Linear]
        if not linear:
            name = type(self.model).__name__
            raise ConfigError(
                f"model.encoders.{kind}: {name} has no head that is linear; take another"
            )
        path = next(name for name, module in self.model.named_modules() if module is linear[-1])
        self.model.set_submodule(path, nn.Identity())
        self.width = linear[-1].in_features
        if most > 1 and token_model(self.model) is not None:
            self._take_tokens(most)

    def _take_tokens(self, most: int) -> None:
        self.count, self.width = most, getattr(self.model, "token_width", self.width)
        if (drop_pooling := getattr(self.model, "drop_pooling", None)) is not None:
            drop_pooling()

    @property
    def pretrained(self) -> bool:
        """True where there is something to tune."""
        return bool(getattr(self.model, "pretrained", False))

    def layers(self) -> list[str]:
        """Dotted names from the input on, as far as the network is kept."""
        if self.is_head_alone:
            return []
        names = with_parameters(self.model, tunable(self.model).layers())
        return ["+".join(f"model.{name}" for name in joined.split("+")) for joined in names]

    def new_parameters(self) -> Iterator[str]:
        """Names of the parameters that no pretrained weights were loaded for."""
        new = getattr(self.model, "made_new", frozenset())
        for name, _ in self.model.named_parameters():
            if not self.pretrained or name in new:
                yield f"model.{name}"

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        return tunable(self.model).features(batch) if self.is_head_alone else self.model(batch)

    def tokens(self, batch: dict[str, Tensor]) -> Tokens:
        """The tokens that are handed on. Shapes: -> (B, count, width), mask (B, count)."""
        model = token_model(self.model)
        if self.count == 1 or model is None:
            return Tokens(self(batch)[:, None])
        values, mask = thinned(model.token_features(batch), self.count)
        return Tokens(tunable(self.model).head(values), mask)


def _without_parameters(model: nn.Module) -> int:
    """Takes the parameters off a network that is a head alone; its features' width."""
    for name, _ in [*model.named_parameters()]:
        *parents, last = name.split(".")
        setattr(model.get_submodule(".".join(parents)), last, None)
    width = getattr(model, "width", None)
    assert isinstance(width, int), "a network without layers() needs the width of its features"
    return width
