"""Contracts of models, data sets and methods, for the tests of whoever writes one.

Each function raises AssertionError with a sentence that says what was promised and what came.
A plug-in outside lepton is held to its contract by tests as these:

    from functools import partial
    from lepton import testing
    from lepton.example import make_spec

    def test_my_model_keeps_its_promises():
        for task in testing.TASKS:
            testing.check_model(partial(MyModel, width=8), make_spec(task))

    def test_my_data_keep_their_promises():
        testing.check_dataset(testing.composed_data("dataset=mine", "dataset.path=small.csv"))

    def test_my_method_keeps_its_promises():
        testing.check_method(MyMethod(rate=0.1), "model=resnet", "dataset.classes=3")
"""

from lepton.testing.dataset import TASKS, check_dataset, composed_data
from lepton.testing.method import check_method
from lepton.testing.model import check_model

__all__ = ["TASKS", "check_dataset", "check_method", "check_model", "composed_data"]
