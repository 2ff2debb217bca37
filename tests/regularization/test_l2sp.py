import pytest
import torch
from torch import nn

from lepton.config.check import check
from lepton.config.compose import compose
from lepton.errors import ConfigError
from lepton.regularization.l2sp import L2SP


class Tuned(nn.Module):
    """A network whose middle was made new, as fine-tuning says it of one."""

    def __init__(self):
        super().__init__()
        self.below, self.middle, self.head = (nn.Linear(2, 2).double() for _ in range(3))
        self.made_new = frozenset({"middle.weight", "middle.bias"})

    def layers(self):
        return ["below", "middle", "head"]


def test_loaded_weights_are_drawn_to_their_start_and_new_ones_and_the_head_to_zero():
    model = Tuned()
    method = L2SP(alpha=0.3, beta=0.2)
    method.prepare(model, None)
    start = [p.detach().clone() for p in model.below.parameters()]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter))
    method.penalty(model).backward()
    for parameter, begun in zip(model.below.parameters(), start, strict=True):
        torch.testing.assert_close(parameter.grad, 0.3 * (parameter - begun))
    for layer in (model.middle, model.head):
        for parameter in layer.parameters():
            torch.testing.assert_close(parameter.grad, 0.2 * parameter)


@pytest.mark.slow
def test_training_from_scratch_and_negative_numbers_are_refused():
    with pytest.raises(ConfigError, match=r"regularization\.l2sp, finetune: there are no loaded"):
        check(compose("regularization=l2sp"))
    with pytest.raises(ConfigError, match=r"regularization\.l2sp: alpha=-1, beta=0; none may"):
        L2SP(alpha=-1, beta=0)
