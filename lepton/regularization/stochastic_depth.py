"""StochasticDepth: residual blocks are left out at random in training, later ones more often."""

import torch
from torch import Tensor, nn

from lepton.errors import ConfigError
from lepton.method import Method
from lepton.model.residual import residual_branches
from lepton.spec import DataSpec
from lepton.values.bounds import From0Below1


class StochasticDepth(Method):
    """Leaves out each row's residual branches: in block l of L with the chance rate * l / L.

    A branch that stays is scaled up, so that prediction takes the network as it is. The branches of
    a block are left out independently of each other.
    Source: Huang et al. 2016, https://arxiv.org/abs/1603.09382
    """

    stackable = ("rate",)
    acts_below_head = True

    def __init__(self, *, rate: From0Below1):
        if not 0 <= rate < 1:
            raise ConfigError(
                f"regularization.stochastic_depth.rate: {rate} is not a share in [0, 1)"
            )
        self.rate = rate

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        blocks = residual_branches(model)
        if not blocks:
            raise ConfigError(
                f"regularization.stochastic_depth: the model {type(model).__name__} names no "
                "residual blocks that could be left out; take another model, as resnet, "
                "ft_transformer, transformer, image_resnet or vit, or leave it out"
            )
        for depth, ends in enumerate(blocks, 1):
            for name in ends:
                drop, end = DropRows(self.rate * depth / len(blocks)), model.get_submodule(name)
                if isinstance(end, nn.Sequential):
                    end.append(drop)
                else:
                    model.set_submodule(name, nn.Sequential(end, drop))
        return model


class DropRows(nn.Module):
    """Makes all that a row has 0, or scales it up; by the masks of a dropout of one unit a row."""

    replayable = True

    def __init__(self, rate: float):
        super().__init__()
        self.rows = nn.Dropout(rate)

    def forward(self, values: Tensor) -> Tensor:
        if not self.training:
            return values
        kept = self.rows(torch.ones(len(values), dtype=values.dtype, device=values.device))
        return values * kept.reshape(-1, *[1] * (values.ndim - 1))
