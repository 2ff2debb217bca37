"""ClassBalancedSampling: rows of rare classes come more often in training."""

from typing import Any

import torch
from torch import Tensor, nn

from lepton.augmentation.machinery.classes import require_classes
from lepton.errors import ConfigError
from lepton.method import Method
from lepton.spec import DataSpec
from lepton.values.bounds import From0To1


class ClassBalancedSampling(Method):
    """Draws training rows with replacement, each with the chance of its class's count ** -strength.

    With strength 1 all classes are equally likely. An epoch has as many rows as before.
    Source: Mahajan et al. 2018, section 2.2, https://arxiv.org/abs/1805.00932 (strength 0.5), and
        Kang et al. 2020, equation 1, https://arxiv.org/abs/1910.09217 (whose q is 1 - strength)
    """

    replayable = True

    def __init__(self, *, strength: From0To1):
        if not 0 <= strength <= 1:
            raise ConfigError(
                f"augmentation.class_balanced_sampling.strength: {strength} is not in [0, 1]"
            )
        self.strength = strength

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        require_classes("class_balanced_sampling", spec)
        return model

    def row_chances(self, train: dict[str, Any], spec: DataSpec) -> Tensor:
        target = train["target"].long()
        counts = torch.bincount(target).double().clamp_min(1)
        return counts[target] ** -self.strength
