"""Contracts of models and what is kept of them, data sets, methods, optimizers, evaluators and
ensemble methods, for tests of one's own.

A contract is a class whose methods are the properties that lepton relies on. Subclass it in a test
file under a name that begins with `Test`, and pytest runs each property as a test:

    from lepton.testing import ModelContract

    class TestWide(ModelContract):
        def build(self, spec):
            return Wide(spec=spec, units=8)

A property that does not hold raises AssertionError with a sentence that says what was promised and
what came. Without pytest, `TestWide().check()` raises that of the first broken one; this package
never imports pytest. A parametrized class tells its cases apart by attributes that a fixture sets.

`check_model`, `check_dataset` and `check_method` hold what they are given to the same properties.
"""

from lepton.testing.combiner import CombinerContract
from lepton.testing.contract import Contract
from lepton.testing.dataset import DatasetContract, check_dataset, composed_data
from lepton.testing.evaluator import EvaluatorContract
from lepton.testing.method import MethodContract, check_method
from lepton.testing.model import ModelContract, check_model
from lepton.testing.optimizer import OptimizerContract
from lepton.testing.saved_model import SavedModelContract
from lepton.testing.splits import TASKS

__all__ = [
    "TASKS",
    "CombinerContract",
    "Contract",
    "DatasetContract",
    "EvaluatorContract",
    "MethodContract",
    "ModelContract",
    "OptimizerContract",
    "SavedModelContract",
    "check_dataset",
    "check_method",
    "check_model",
    "composed_data",
]
