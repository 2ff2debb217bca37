"""ManifoldMixup: hidden states of rows, and their targets, mixed with those of other rows."""

from itertools import islice
from typing import Literal

from torch import nn

from lepton.errors import ConfigError
from lepton.example import make_whole_rows
from lepton.method import Batch, Method
from lepton.model.mixed_states import Place, StateMixing
from lepton.model.mixing_places import place_of_features, places_between_layers
from lepton.randomness.draw import Draw
from lepton.spec import DataSpec
from lepton.task.mixed_rows import blend, mixed_target, require_mixable
from lepton.values.bounds import Above0, AtLeast1

OPTION = "regularization=manifold_mixup"


class ManifoldMixup(Method):
    """Goes on with each row as a share of itself and the rest of another one of the batch, from a
    place between two layers on.

    The place is drawn for each batch, and the share, of a beta distribution. At places where states
    are of tokens or frames, the mixture is as long as the longer of the two.
    Source: Verma et al. 2019, https://arxiv.org/abs/1806.05236
    """

    replayable = True
    stackable = ("alpha",)
    mixes_rows = True
    mixes_states = True

    def __init__(
        self, *, alpha: Above0, at: Literal["layers", "features"], lowest: AtLeast1 | None
    ):
        self.alpha, self.at, self.lowest = alpha, at, lowest

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        require_mixable(OPTION, spec)
        if not hasattr(model, "layers") or not hasattr(model, "head"):
            raise ConfigError(
                f"regularization.manifold_mixup, model: {type(model).__name__} names no layers "
                "between which rows could be mixed; augmentation=mixup mixes the rows themselves"
            )
        self.classes = spec.outputs
        self.mixing = StateMixing("manifold_mixup", self._places(model, spec))
        self.mixing.attach(model)
        return model

    def on_batch(self, batch: Batch, draw: Draw) -> Batch:
        rows, place = len(batch["id"]), draw.integers(len(self.mixing.places))
        share, partners = draw.beta(self.alpha, self.alpha).expand(rows), draw.permutation(rows)
        batch = mixed_target(batch, share, partners, self.classes)
        if (features := batch.get("features")) is not None:
            return batch | {"features": blend(features, features[partners], share)}
        return self.mixing.said(batch, share, partners, place)

    def _places(self, model: nn.Module, spec: DataSpec) -> list[Place]:
        """The places of which one is drawn for each batch."""
        if self.at == "features":
            return [place_of_features(model)]
        if any(getattr(module, "gradient_checkpointing", False) for module in model.modules()):
            raise ConfigError(
                "regularization.manifold_mixup.at, model.gradient_checkpointing: layers that are "
                "computed again would not be mixed again; regularization.manifold_mixup.at=features"
            )
        return list(islice(places_between_layers(model, make_whole_rows(spec)), self.lowest))
