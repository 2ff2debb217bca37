"""Generators against the rows that they learn from: distributions, associations, parents."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from hydra.utils import instantiate
from scipy.stats import ks_2samp

from lepton.config.options import CONF_DIR
from lepton.errors import DataError
from lepton.generator.rows import TableRows, class_counts

NAMES = sorted(path.stem for path in Path(CONF_DIR, "generator").glob("*.yaml"))
LEARNING = [name for name in NAMES if name not in ("bootstrap", "independent")]
QUICK = {"tvae": {"epochs": 2, "hidden": [8], "latent": 3}}


def made(name, **values):
    """The option with these values in place of its YAML's."""
    node = yaml.safe_load(Path(CONF_DIR, "generator", f"{name}.yaml").read_text())
    return instantiate({**node, **values})


@pytest.fixture(scope="module")
def rows():
    """Two correlated numbers, one with missing cells, a flag, a category, and a class."""
    rng, count = np.random.default_rng(0), 800
    x = rng.normal(size=count)
    y, label = x + rng.normal(size=count), (x + rng.normal(size=count) > 0.5).astype(int)
    holed = np.where(rng.random(count) < 0.1 + 0.2 * label, np.nan, rng.exponential(size=count))
    numbers = np.column_stack([x, np.exp(y), holed, np.where(y > 0, 7.0, 3.0)])
    codes = np.column_stack([np.digitize(x + rng.normal(size=count), [-1, 1]), label])
    return TableRows(numbers, codes, (3, 2), "class", ("no", "yes"))


def of_numbers(rows):
    """The same rows with a number as the target."""
    return TableRows(
        np.column_stack([rows.numbers, rows.numbers[:, 0]]), rows.codes, (3, 2), "number"
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("target", ["class", "number"])
def test_rows_are_as_many_and_as_those_of_training_and_follow_from_the_seed(name, target, rows):
    rows = rows if target == "class" else of_numbers(rows)
    generator = made(name, **QUICK.get(name, {}))
    state = torch.get_rng_state()
    first, again, other = (generator.generate(rows, 301, seed).rows for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(first.numbers, again.numbers)
    np.testing.assert_array_equal(first.codes, again.codes)
    assert not np.array_equal(first.numbers, other.numbers, equal_nan=True)
    assert first.numbers.shape == (301, rows.numbers.shape[1])
    assert {*first.numbers[:, 3]} == {3.0, 7.0}
    assert np.isnan(first.numbers).any(axis=0).tolist()[:4] == [False, False, True, False]
    assert (first.codes >= 0).all()
    assert (first.codes < np.array(rows.sizes)).all()
    low, high = np.nanmin(rows.numbers, axis=0), np.nanmax(rows.numbers, axis=0)
    assert (np.nanmin(first.numbers, axis=0) >= low).all()
    assert (np.nanmax(first.numbers, axis=0) <= high).all()


def associations(rows):
    """The rank correlations of all pairs of columns, by pandas."""
    frame = pd.DataFrame(np.column_stack([rows.numbers, rows.codes]))
    return frame.assign(missing=np.isnan(rows.numbers[:, 2])).corr(method="spearman").to_numpy()


def test_a_copula_keeps_distributions_and_rank_correlations_of_each_class(rows):
    made_rows = made("copula").generate(rows, 4000, 3).rows
    share = rows.labels.mean()
    assert made_rows.labels.mean() == pytest.approx(share, abs=1 / 4000)
    for label in (0, 1):
        own, drawn = rows.at(rows.labels == label), made_rows.at(made_rows.labels == label)
        for column in range(2):
            assert ks_2samp(own.numbers[:, column], drawn.numbers[:, column]).statistic < 0.05
        own_pairs, drawn_pairs = (np.nan_to_num(associations(r)) for r in (own, drawn))
        assert np.abs(own_pairs - drawn_pairs).max() < 0.08


def test_without_its_steps_a_copula_loses_associations_of_columns_with_few_values(rows):
    pair = TableRows(rows.numbers[:, :0], rows.codes, (3, 2), "class")
    (wanted,), halved = associations_of_codes(pair), []
    for iterations in (0, 10):
        drawn = made("copula", by_class=False, iterations=iterations).generate(pair, 4000, 0).rows
        halved += associations_of_codes(drawn)
    assert halved[0] < 0.9 * wanted
    assert halved[1] == pytest.approx(wanted, abs=0.04)


def associations_of_codes(rows):
    return [pd.DataFrame(rows.codes).corr(method="spearman").iloc[0, 1]]


def test_a_row_of_smotenc_lies_between_its_parents_with_a_category_of_their_neighbours(rows):
    rows = TableRows(rows.numbers[:, :2], rows.codes, rows.sizes, "class")
    generated = made("smotenc").generate(rows, 500, 0)
    first, second = (rows.at(generated.parents[:, side]) for side in (0, 1))
    assert (first.labels == generated.rows.labels).all()
    assert (second.labels == generated.rows.labels).all()
    way, span = generated.rows.numbers - first.numbers, second.numbers - first.numbers
    share = way[:, :1] / span[:, :1]
    assert ((share >= -1e-9) & (share <= 1 + 1e-9)).all()
    np.testing.assert_allclose(way, share * span, atol=1e-9)
    assert (generated.parents[:, 0] != generated.parents[:, 1]).all()


def test_smotenc_takes_tables_of_numbers_and_of_categories_alone_and_classes_of_two_rows(rows):
    few = np.concatenate([np.flatnonzero(rows.labels == 0)[:40], np.flatnonzero(rows.labels)[:2]])
    numbers = TableRows(rows.numbers[few, :2], rows.codes[few, 1:], (2,), "class")
    generated = made("smotenc").generate(numbers, 84, 0)
    assert np.bincount(generated.rows.labels).tolist() == [80, 4]
    assert {*generated.parents[generated.rows.labels == 1].ravel()} == {40, 41}
    categories = TableRows(rows.numbers[:, :0], rows.codes, rows.sizes, "class")
    generated = made("smotenc").generate(categories, 100, 0)
    assert (rows.labels[generated.parents[:, 0]] == generated.rows.labels).all()
    assert generated.parents.shape == (100, 1)


@pytest.mark.slow
def test_an_autoencoder_learns_how_columns_and_the_class_depend_on_each_other(rows):
    drawn = made("tvae").generate(rows, 4000, 0).rows
    wanted, learned = associations(rows), associations(drawn)
    told = np.abs(wanted) > 0.3
    assert np.abs(wanted - learned)[told].max() < 0.2
    for column in range(2):
        assert ks_2samp(rows.numbers[:, column], drawn.numbers[:, column]).statistic < 0.12


def test_what_is_no_generator_copies_rows_or_draws_columns_apart(rows):
    copies = made("bootstrap").generate(rows, 300, 0)
    np.testing.assert_array_equal(copies.rows.numbers, rows.numbers[copies.parents[:, 0]])
    apart = made("independent").generate(rows, 4000, 0).rows
    assert np.abs(np.triu(associations(apart)[:2, :2], 1)).max() < 0.05
    assert ks_2samp(rows.numbers[:, 1], apart.numbers[:, 1]).statistic < 0.05


def test_the_missing_cells_of_a_class_are_as_many_as_in_training(rows):
    drawn = made("copula").generate(rows, 4000, 5).rows
    for label in (0, 1):
        wanted = np.isnan(rows.numbers[rows.labels == label, 2]).mean()
        share = np.isnan(drawn.numbers[drawn.labels == label, 2]).mean()
        assert share == pytest.approx(wanted, abs=0.03)


@pytest.mark.parametrize("name", LEARNING)
def test_a_class_of_one_row_and_a_single_row_are_refused_by_name(name, rows):
    lonely = np.concatenate([np.flatnonzero(rows.labels == 0), np.flatnonzero(rows.labels)[:1]])
    with pytest.raises(DataError, match=r"^dataset.target: class 'yes' has a single training row"):
        made(name).generate(rows.at(lonely), 10, 0)
    with pytest.raises(DataError, match="needs two training rows or more; there is 1"):
        made(name).generate(of_numbers(rows).at(np.array([0])), 10, 0)


def test_classes_share_rows_as_in_training_with_the_largest_remainders_up():
    labels = np.repeat([0, 1, 3], [50, 30, 20])
    assert class_counts(labels, 7) == {0: 4, 1: 2, 3: 1}  # of 3.5, 2.1 and 1.4
    assert class_counts(labels, 1) == {0: 1}
