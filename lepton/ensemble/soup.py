"""One model whose weights are the mean of its members'."""

from collections.abc import Callable

from lepton.ensemble.combiner import ValidationPredictions

Taste = Callable[[list[int]], float]


class Soup:
    """All members, each with the same weight.

    `taste` gives the validation score of the soup of some members; larger is better.
    """

    scored = "plain"
    across_folds = False

    def __init__(self, *, task: str):
        self.task = task

    def choose(self, validation: ValidationPredictions, taste: Taste) -> list[int]:
        """The members whose weights are averaged; they stand in order of their scores."""
        return validation.first()
