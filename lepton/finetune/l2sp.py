"""L2SP: tunes everything, drawn back to the weights it started from."""

from torch import nn

from lepton.errors import ConfigError
from lepton.finetune.machinery.layers import require_layers
from lepton.regularization import l2sp
from lepton.spec import DataSpec
from lepton.values.bounds import NotBelow0


class L2SP(l2sp.L2SP):
    """Tunes everything with the penalty of the regularizer l2sp.

    Source: Li et al. 2018, https://arxiv.org/abs/1802.01483
    """

    replayable = True
    stackable = ("alpha", "beta")
    needs_whole_weights = True

    def __init__(self, *, alpha: NotBelow0, beta: NotBelow0):
        if alpha < 0 or beta < 0:
            raise ConfigError(f"finetune.alpha={alpha}, beta={beta}: 0 is none, none is below")
        super().__init__(alpha=alpha, beta=beta)

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        require_layers(model)
        model.requires_grad_(True)
        return super().prepare(model, spec)
