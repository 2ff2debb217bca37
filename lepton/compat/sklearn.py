"""Private parts of scikit-learn and of what its fitted models are made of."""

from typing import Any

import numpy as np
from sklearn.utils import _param_validation, validation

InvalidParameterError = _param_validation.InvalidParameterError
"""Raised by `fit` for the value of a parameter.

No public way: it is a ValueError like those that speak of the data. Tried: scikit-learn 1.7.0,
1.9.1.
"""

BOOSTING_TYPES = frozenset(
    {
        "functools.partial",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.utils.validation.check_array",
    }
)
"""Types and functions in a file of fitted histogram boosting, beside those that skops trusts.

By full name, since a partial could call anything.

No public way: skops names a type by the module that holds it. Tried: scikit-learn 1.7.0, 1.9.1.
"""

TEXT_TYPES = frozenset({"scipy.sparse._csr.csr_matrix", "numpy.dtype"})
"""Types in a file of linear models of texts, beside those that skops trusts.

No public way: skops names a type by the module that holds it. Tried: scikit-learn 1.7.0, 1.9.1.
"""


def checked_sample_weight(sample_weight: Any, X: Any) -> np.ndarray:
    """The weights of rows as scikit-learn's own estimators check them. Raises: ValueError.

    No public way: estimators outside of scikit-learn import it too. Tried: scikit-learn 1.9.1.
    """
    return validation._check_sample_weight(sample_weight, X, ensure_non_negative=True)
