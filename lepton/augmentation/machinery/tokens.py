"""TokenAugmentation: the base of augmentations that choose some tokens of each text."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lepton.augmentation.machinery.input_augmentation import InputAugmentation
from lepton.method import Batch
from lepton.randomness.draw import Draw
from lepton.spec import DataSpec
from lepton.values.bounds import From0To1


@dataclass(frozen=True)
class ChosenTokens:
    """The tokens of a batch, of which a method may change some. Shapes: each (B, T).

    `chance` is drawn for every place, so that the chosen can be put in an order.
    """

    tokens: Tensor
    mask: Tensor  # true on a row's own tokens
    own: Tensor  # true on those that are no marks around a text
    chosen: Tensor
    chance: Tensor

    @property
    def places(self) -> Tensor:
        """The number of each place. Shapes: (T,)."""
        return torch.arange(self.tokens.shape[1], device=self.tokens.device)


class TokenAugmentation(InputAugmentation):
    """Chooses tokens of each text with a `probability`, never the marks around it.

    A derived class says in `changed` what becomes of them.
    """

    stackable = ("probability",)
    changes_inputs = ("text",)

    def __init__(self, *, probability: From0To1):
        self.probability = probability

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        self.marks, self.pad = torch.tensor(spec.marks, dtype=torch.int64), spec.pad
        return model

    def change(self, batch: Batch, draw: Draw) -> Batch:
        tokens, mask = batch["tokens"], batch["mask"].bool()
        is_mark = (tokens[..., None] == self.marks.to(tokens.device)).any(-1)
        chance = draw.each(batch["id"]).uniform(tokens.shape[1:])
        own = mask & ~is_mark
        chosen = own & (chance < self.probability)
        return batch | self.changed(batch, ChosenTokens(tokens, mask, own, chosen, chance))

    def changed(self, batch: Batch, texts: ChosenTokens) -> Batch:
        """The tensors of the batch that are other ones now."""
        raise NotImplementedError
