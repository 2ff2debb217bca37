"""Attacks by steps along the gradient: FGSM in one, PGD in several.

They run as they are under vmap and in replayed steps: loops have fixed lengths, and nothing asks
for the value of a tensor.
"""

from torch import Tensor

from lepton.attack.neighbourhood import Neighbourhood, RowLosses
from lepton.attack.rows import Change, each


def ascend(
    losses: RowLosses, around: Neighbourhood, change: Change, step: Tensor | float
) -> Change:
    """A change after one step of this length along the gradient, moved back into what is allowed.

    Units: step as epsilon, in that of each input.
    """
    way = around.steepest(around.gradient(losses, change), change)
    return around.project(each(lambda delta, g: delta + step * g, change, way))


def fgsm(losses: RowLosses, around: Neighbourhood) -> Change:
    """The change of one step as long as epsilon from the rows as they are.

    Source: Goodfellow et al. 2015, https://arxiv.org/abs/1412.6572
    """
    return ascend(losses, around, around.none(), around.epsilon)


def pgd(
    losses: RowLosses,
    around: Neighbourhood,
    *,
    start: Change,
    steps: int,
    step: Tensor | float,
) -> Change:
    """The change after several steps from a first one, as `Neighbourhood.random` draws it.

    Source: Madry et al. 2018, https://arxiv.org/abs/1706.06083
    """
    change = start
    for _ in range(steps):
        change = ascend(losses, around, change, step)
    return change
