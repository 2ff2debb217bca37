"""TreeFeatures: a table's inputs as one matrix for trees, which take missing values as missing."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from lepton.spec import MISSING_CODE, MISSING_INDICATOR, DataSpec


class TreeFeatures:
    """Numbers, NaN where they were missing, and after them the codes of categories.

    Preprocessing fills what is missing, and says in an indicator where it did: the number is
    made missing again, and the indicator left out.
    """

    def __init__(self, spec: DataSpec):
        self.indicators = _indicators(spec.num_features)  # place of each: place of its number
        places = range(len(spec.num_features))
        self.numbers = [place for place in places if place not in self.indicators]
        names = [spec.num_features[place] for place in self.numbers]
        self.names = [*names, *spec.cat_features]
        self.categories = list(range(len(names), len(self.names)))

    def matrix(self, batch: dict[str, Tensor]) -> np.ndarray:
        """Numbers and codes as floats. Shapes: -> (N, F) float32."""
        blocks = []
        if "num" in batch:
            numbers = batch["num"].cpu().numpy().copy()
            for indicator, number in self.indicators.items():
                numbers[numbers[:, indicator] > 0, number] = np.nan
            blocks.append(numbers[:, self.numbers])
        if "cat" in batch:
            blocks.append(batch["cat"].cpu().numpy())
        return np.concatenate(blocks, axis=1, dtype=np.float32)

    def with_missing_codes(self, x: np.ndarray) -> np.ndarray:
        """The matrix whose missing categories are NaN too."""
        x = x.copy()
        codes = x[:, self.categories]
        x[:, self.categories] = np.where(codes == MISSING_CODE, np.nan, codes)
        return x


def _indicators(names: Sequence[str]) -> dict[int, int]:
    """The place of each indicator, which come last, and that of its number.

    >>> _indicators(["age", "income", "age is missing"])
    {2: 0}
    """
    found = {}
    for place in reversed(range(len(names))):
        number = names[place].removesuffix(MISSING_INDICATOR)
        if number == names[place]:
            break
        if number in names[:place]:  # not so of a date, which is several numbers
            found[place] = names.index(number)
    return found
