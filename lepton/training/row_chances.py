"""Training rows drawn more or less often, as methods say; those of validation and test are not."""

import copy
from collections.abc import Sequence

import torch

from lepton.dataset.data import Data
from lepton.errors import ConfigError
from lepton.method import Method


def with_row_chances(data: Data, methods: Sequence[Method]) -> Data:
    """The data whose training rows are drawn by the methods' chances; as they are without any.

    Raises: ConfigError for chances that no rows can be drawn by.
    """
    product, train = None, data.splits["train"]
    for method in methods:
        chances = method.row_chances(dict(train), data.spec)
        if chances is None:
            continue
        rows, is_right = len(train["id"]), bool((chances >= 0).all() and chances.sum() > 0)
        if chances.shape != (rows,) or not is_right:
            raise ConfigError(
                f"{method.stream_name}: row_chances gives {[*chances.shape]} numbers; {rows} "
                "are right, none below 0 and not all 0"
            )
        chances = chances.cpu().double()
        product = chances if product is None else product * chances
    if product is None:
        return data
    drawn = copy.copy(data)
    drawn.row_chances = product / torch.as_tensor(product.max())
    return drawn
