from tests.vectorize.conftest import train_both

__all__ = ["train_both"]
