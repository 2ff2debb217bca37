from types import SimpleNamespace
from unittest.mock import Mock

import torch

from my_project.gradient_norm import GradientNorm


def test_the_norm_of_every_third_step_is_logged():
    logger, layer = Mock(), torch.nn.Linear(2, 1, bias=False)
    layer.weight.grad = torch.tensor([[3.0, 4.0]])
    for step in range(5):
        trainer = SimpleNamespace(global_step=step, loggers=[logger])
        GradientNorm(every=3).on_before_optimizer_step(trainer, layer, None)
    logged = [(call.args[0], call.kwargs["step"]) for call in logger.log_metrics.call_args_list]
    assert logged == [({"gradient_norm": 5.0}, 0), ({"gradient_norm": 5.0}, 3)]
