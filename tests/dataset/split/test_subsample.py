import numpy as np
import pytest

from lepton.dataset.split.subsample import subsample
from lepton.errors import DataError
from lepton.testing import composed_data

LABELS = np.random.default_rng(0).choice(3, 200, p=[0.6, 0.3, 0.1])
ROWS = np.flatnonzero(np.random.default_rng(1).random(200) < 0.7)


def draw(shots=None, fraction=1.0, seed=0, labels=LABELS):
    return subsample(ROWS, labels=labels, classes="abc", shots=shots, fraction=fraction, seed=seed)


@pytest.mark.parametrize("shots", [1, 4, 9])
def test_shots_are_as_many_of_every_class_from_the_given_rows(shots):
    drawn = draw(shots)
    assert np.bincount(LABELS[drawn]).tolist() == [shots] * 3
    assert set(drawn) <= set(ROWS)
    assert np.array_equal(drawn, np.unique(drawn))


def test_a_larger_draw_holds_the_smaller_and_another_seed_draws_others():
    assert set(draw(2)) < set(draw(5)) < set(draw(9))
    assert set(draw(fraction=0.1)) < set(draw(fraction=0.5))
    assert not np.array_equal(draw(4), draw(4, seed=1))
    assert np.array_equal(draw(4), draw(4))


def test_a_fraction_keeps_the_shares_of_classes():
    counts, full_counts = np.bincount(LABELS[draw(fraction=0.3)]), np.bincount(LABELS[ROWS])
    assert np.abs(counts - 0.3 * full_counts).max() <= 0.5
    assert len(draw(fraction=0.3, labels=None)) == round(0.3 * len(ROWS))
    assert np.array_equal(draw(), ROWS)


def test_more_shots_than_rows_of_a_class_are_refused_by_its_name():
    smallest = np.bincount(LABELS[ROWS]).min()
    with pytest.raises(
        DataError, match=f"shots={smallest + 1}: class 'c' has {smallest} rows in the tra"
    ):
        draw(int(smallest) + 1)


def test_val_and_test_stay_whole_and_the_seed_of_the_run_draws_nothing():
    make = composed_data("dataset=wine", "dataset.shots=5", "dataset.validation=outside")
    full_data, data, other = composed_data("dataset=wine")(0), make(0), make(1)
    for split in ("val", "test"):
        assert data.splits[split]["id"].equal(full_data.splits[split]["id"])
    assert data.splits["train"]["id"].equal(other.splits["train"]["id"])
    assert data.splits["train"]["target"].bincount().tolist() == [5, 5, 5]
    assert data.spec.class_counts == (5, 5, 5)
