"""EmbeddingMixup: word embeddings of texts, and their targets, mixed with those of other texts."""

from torch import nn

from lepton.augmentation.machinery.input_augmentation import InputAugmentation
from lepton.errors import ConfigError
from lepton.example import make_whole_rows
from lepton.method import Batch
from lepton.model.mixed_states import StateMixing
from lepton.model.mixing_places import place_of_embeddings
from lepton.randomness.draw import Draw
from lepton.spec import DataSpec
from lepton.task.mixed_rows import mixed_target, require_mixable
from lepton.values.bounds import Above0

OPTION = "augmentation=embedding_mixup"


class EmbeddingMixup(InputAugmentation):
    """Each text as a share of its word embeddings and the rest of a random other text's, place by
    place, to the end of the longer.

    Shares are drawn of a beta distribution, one a text.
    Source: Guo, Mao and Zhang 2019, https://arxiv.org/abs/1905.08941 (wordMixup)
    """

    replayable = True
    stackable = ("alpha",)
    mixes_rows = True
    changes_inputs = ("text",)

    def __init__(self, *, alpha: Above0):
        self.alpha = alpha

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        require_mixable(OPTION, spec, ("text",))
        place = place_of_embeddings(model, make_whole_rows(spec))
        if place is None:
            raise ConfigError(
                f"augmentation.embedding_mixup, model: {type(model).__name__} does not read texts "
                "by embeddings of their tokens alone; regularization=manifold_mixup with "
                "regularization.manifold_mixup.at=features mixes what its head reads"
            )
        self.classes = spec.outputs
        self.mixing = StateMixing("embedding_mixup", [place])
        self.mixing.attach(model)
        return model

    def change(self, batch: Batch, draw: Draw) -> Batch:
        own, partners = draw.each(batch["id"]), draw.permutation(len(batch["id"]))
        share = own.beta(self.alpha, self.alpha)
        batch = mixed_target(batch, share, partners, self.classes)
        return self.mixing.said(batch, share, partners, partners.new_zeros(()))
