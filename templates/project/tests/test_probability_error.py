import torch
from sklearn.metrics import brier_score_loss

from my_project.probability_error import probability_error


def test_the_mean_of_squares_is_the_brier_score():
    logits, target = torch.randn(20), torch.arange(20.0) % 2
    losses = probability_error(logits, target, power=2.0)
    expected = brier_score_loss(target.numpy(), logits.sigmoid().numpy())
    torch.testing.assert_close(losses.mean().item(), expected, rtol=1e-5, atol=0)
