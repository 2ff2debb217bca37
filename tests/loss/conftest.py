from tests.vectorize.conftest import gap, train_both

__all__ = ["gap", "train_both"]
