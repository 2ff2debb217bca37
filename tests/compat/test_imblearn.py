"""Canaries for the private functions of imbalanced-learn that say of which rows new ones are."""

import numpy as np
import pytest

pytest.importorskip("imblearn")
SETTINGS = {"sampling_strategy": {0: 90}, "k_neighbors": 1, "random_state": 4}


@pytest.mark.parametrize(("numbers", "categories"), [(2, 0), (2, 1), (0, 2)])
def test_a_sampler_makes_the_rows_of_the_public_one_and_records_their_parents(
    canary, numbers, categories
):
    from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC

    from lepton.compat.imblearn import recording_sampler

    rng = np.random.default_rng(0)
    cells = [rng.normal(size=(60, numbers)), rng.integers(0, 3, size=(60, categories))]
    cells, labels = np.column_stack(cells), np.arange(60) % 2
    cells = cells if numbers else cells.astype(int)
    plain = {"categorical_features": [2]} if numbers and categories else {}
    public = (SMOTENC if plain else SMOTE if numbers else SMOTEN)(**plain, **SETTINGS)
    expected = public.fit_resample(cells, labels)[0]
    with canary("imbalanced-learn", "_generate_samples and _make_samples"):
        sampler = recording_sampler(numbers, categories, needed_by="a test", **SETTINGS)
        made = sampler.fit_resample(cells, labels)[0]
        np.testing.assert_array_equal(made, expected)
        assert sampler.parents.shape == (60, 2 if numbers else 1)
        first = cells[labels == 0][sampler.parents[:, 0]]
        if numbers:
            second = cells[labels == 0][sampler.parents[:, 1]]
            low, high = np.minimum(first, second)[:, :2], np.maximum(first, second)[:, :2]
            assert ((made[60:, :2] >= low - 1e-12) & (made[60:, :2] <= high + 1e-12)).all()
        else:  # a row and its one neighbour vote; where they differ, the smaller code is taken
            assert (made[60:] <= first).all()
            assert not (made[60:] <= np.roll(first, 1, axis=0)).all()
