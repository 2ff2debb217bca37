import torch

from my_project.top_share import top_share


def test_the_rows_with_the_largest_probabilities_are_counted():
    prediction = torch.tensor([0.9, 0.1, 0.8, 0.2])
    target = torch.tensor([1, 1, 0, 0])
    assert top_share(prediction, target, rows=0.25) == 1
    assert top_share(prediction, target, rows=0.5) == 0.5
    assert top_share(prediction, target, rows=0.75) == 1 / 3
