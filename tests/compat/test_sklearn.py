"""Canaries for the private parts of scikit-learn, and of what its fitted models are made of."""

from functools import partial

import numpy as np
import pytest
import skops.io
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge

pytestmark = pytest.mark.filterwarnings("ignore:scipy.optimize")  # which old versions are told


@pytest.fixture
def moved(canary):
    return partial(canary, "scikit-learn")


@pytest.fixture
def private(moved):
    with moved("a name that lepton.compat.sklearn imports"):
        import lepton.compat.sklearn as private
    return private


@pytest.fixture
def rows():
    generator = np.random.default_rng(0)
    return generator.normal(size=(60, 3)), generator.integers(0, 2, 60)


def test_the_value_of_a_parameter_is_refused_by_an_error_of_its_own(private, rows, moved):
    x, y = rows
    with moved("sklearn.utils._param_validation.InvalidParameterError"):
        with pytest.raises(private.InvalidParameterError, match="learning_rate"):
            HistGradientBoostingClassifier(learning_rate=-1.0).fit(x, y)
        with pytest.raises(ValueError, match="inconsistent numbers of samples") as wrong_data:
            HistGradientBoostingClassifier().fit(x, y[1:])
        assert not isinstance(wrong_data.value, private.InvalidParameterError)


def test_files_of_fitted_models_hold_the_types_that_are_trusted_and_no_others(
    private, rows, moved, tmp_path
):
    x, y = rows
    categories = {"categorical_features": [False, False, True]}
    x[:, 2] = y
    boosting = [
        HistGradientBoostingClassifier(max_iter=2, **categories).fit(x, y),
        HistGradientBoostingRegressor(max_iter=2, early_stopping=True).fit(x, y),
    ]
    texts = {"counted": [[("a\nb", sparse.csr_matrix(np.eye(2)))]]}
    texts["models"] = [LogisticRegression().fit(x, y), Ridge().fit(sparse.csr_matrix(x), y)]
    for models, trusted in ((boosting, private.BOOSTING_TYPES), (texts, private.TEXT_TYPES)):
        path = tmp_path / "models.skops"
        skops.io.dump(models, path)
        with moved("the modules of the types in a file of skops"):
            untrusted = set(skops.io.get_untrusted_types(file=path))
            assert untrusted <= trusted
            skops.io.load(path, trusted=sorted(trusted))


def test_what_is_trusted_is_still_there_for_files_of_earlier_versions(private, moved):
    from pydoc import locate

    with moved("a module of private types"):
        missing = [n for n in private.BOOSTING_TYPES | private.TEXT_TYPES if locate(n) is None]
        assert not missing, f"{', '.join(missing)}: gone"
