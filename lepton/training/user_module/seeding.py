"""Seeds every generator that a user's own code may draw from: Python's, numpy's and torch's."""

import random

import numpy as np
import torch


def seed_generators(seed: int) -> None:
    """Seeds the global generators of this process, those of its GPUs included."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
