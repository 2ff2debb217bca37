from tests.ensemble.conftest import ensemble
from tests.vectorize.conftest import gap, train_both

__all__ = ["ensemble", "gap", "train_both"]
