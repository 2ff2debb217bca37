"""FeatureGaussian: normal distributions of the patches of good parts, and how far others lie."""

from typing import Any, Literal

import torch
from torch import Tensor

from lepton.model.good_parts import GoodPartsModel
from lepton.values.bounds import Above0To1, AtLeast1


class FeatureGaussian(GoodPartsModel):
    """A normal distribution of features; a patch is as far as its Mahalanobis distance.

    There is one for each place of a picture, for parts that always lie alike, or one for all.
    Source: Defard et al. 2021 (PaDiM), https://arxiv.org/abs/2011.08785
    """

    def __init__(
        self,
        *,
        places: Literal["each", "all"],
        channels: AtLeast1,
        shrinkage: Above0To1,
        **shared: Any,
    ):
        super().__init__(**shared)
        self.places, self.channels, self.shrinkage = places, channels, shrinkage

    def learn(self, image: Tensor) -> dict[str, Tensor]:
        first, *_ = self.features.batches(image[:1])
        generator = torch.Generator().manual_seed(self.seed)
        chosen = torch.randperm(first.shape[3], generator=generator)[: self.channels].sort().values
        count, sums, products = 0, torch.tensor(0.0), torch.tensor(0.0)
        shift = first[..., chosen].mean((0, 1, 2)).double()  # so that the sums keep digits
        for block in self.features.batches(image):
            rows = self._by_place(block[..., chosen]) - shift
            count += rows.shape[1]
            sums = sums + rows.sum(1)
            products = products + rows.transpose(1, 2) @ rows
        mean = sums / count
        covariance = products / count - mean[:, :, None] * mean[:, None]
        width = covariance.shape[-1]
        spread = covariance.diagonal(dim1=1, dim2=2).mean(1).clamp(min=1e-12)[:, None, None]
        shrunk = (1 - self.shrinkage) * covariance + self.shrinkage * spread * torch.eye(width)
        inverse = torch.linalg.inv(torch.linalg.cholesky(shrunk))
        return {
            "chosen": chosen,
            "mean": (mean + shift).float(),
            "whitening": inverse.float().contiguous(),  # takes a difference to independent units
        }

    def distances(self, features: Tensor) -> Tensor:
        learned = self.learned
        rows = self._by_place(features[..., learned["chosen"]]).float() - learned["mean"][:, None]
        lengths = (rows @ learned["whitening"].transpose(1, 2)).square().mean(2).sqrt()
        if self.places == "all":
            return lengths[0].unflatten(0, features.shape[:3])
        return lengths.T.unflatten(1, features.shape[1:3]).contiguous()

    def _by_place(self, features: Tensor) -> Tensor:
        """Patches by the distribution that they belong to.

        Shapes: (B, h, w, D) -> (h * w, B, D), or (1, B * h * w, D) of one for all.
        """
        values = features.double().flatten(1, 2)
        return values.transpose(0, 1) if self.places == "each" else values.flatten(0, 1)[None]
