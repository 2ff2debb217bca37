"""Augmentations of tables against counts, moments and rows by hand."""

import numpy as np
import pytest
import torch

from lepton.augmentation.machinery.columns import spreads
from lepton.errors import ConfigError
from lepton.example import make_spec
from lepton.spec import QUANTILE_LEVELS, UNSEEN_CODE
from tests.augmentation.options import draw, made


def spec_of(columns):
    """The spec of a table of numbers alone, with their quantiles."""
    levels = np.linspace(0, 1, QUANTILE_LEVELS)
    quantiles = tuple(tuple(np.quantile(column, levels)) for column in columns)
    spec = make_spec("binary", numbers=len(columns), cardinalities=())
    return type(spec)(**{**vars(spec), "quantiles": quantiles})


@pytest.fixture(scope="module")
def columns():
    rng = np.random.default_rng(0)
    many = 20_000
    return [rng.normal(3, 2, many), rng.uniform(-5, 5, many), rng.integers(0, 2, many) * 8.0]


def test_the_spread_of_a_column_is_told_from_its_quantiles(columns):
    expected = [column.std() for column in columns]
    assert spreads(spec_of(columns)).tolist() == pytest.approx(expected, rel=0.03)


def test_noise_has_its_share_of_the_spread_of_each_column(columns):
    numbers = torch.from_numpy(np.stack(columns, 1)).float()
    batch = {"num": numbers, "id": torch.arange(len(numbers))}
    noise = (
        made("gaussian_noise", spec_of(columns), std=0.5).on_batch(batch, draw())["num"] - numbers
    )
    assert noise.dtype == torch.float32
    assert noise.mean(0).tolist() == pytest.approx([0, 0, 0], abs=0.1)
    expected = [column.std() / 2 for column in columns]
    assert noise.std(0).tolist() == pytest.approx(expected, rel=0.04)


def test_noise_on_categories_alone_is_refused_with_what_would_change_them():
    with pytest.raises(ConfigError, match=r"gaussian_noise, dataset: all columns are categories"):
        made("gaussian_noise", make_spec("binary", numbers=0))


def table(rows=4000):
    """Numbers and codes that say in which row and column they stood."""
    cells = 10 * torch.arange(rows)[:, None] + torch.arange(3)
    return {"num": cells.float(), "cat": cells, "id": torch.arange(rows)}


def test_swapped_cells_come_from_their_column_at_the_rate_of_the_probability():
    batch = table()
    changed = made("swap_noise", probability=0.25).on_batch(batch, draw())
    for name in ("num", "cat"):
        assert torch.equal(changed[name].long() % 10, batch[name].long() % 10)
        rate = (changed[name] != batch[name]).double().mean(0)
        assert rate.tolist() == pytest.approx([0.25] * 3, abs=0.025)
    assert not torch.equal(changed["num"].long(), changed["cat"])


def test_hidden_cells_hold_the_median_or_the_code_of_what_is_unseen(columns):
    spec, batch = spec_of(columns), table()
    changed = made("feature_dropout", spec, probability=0.3).on_batch(batch, draw())
    medians = torch.tensor([np.median(column) for column in columns]).float()
    for name, usual in (("num", medians), ("cat", torch.full((3,), UNSEEN_CODE))):
        is_hidden = changed[name] != batch[name]
        torch.testing.assert_close(changed[name][is_hidden], usual.expand(4000, 3)[is_hidden])
        assert is_hidden.double().mean().item() == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("name", ["swap_noise", "feature_dropout"])
def test_a_probability_of_0_changes_nothing_and_of_1_all(name, columns):
    batch, spec = table(), spec_of(columns)
    assert torch.equal(
        made(name, spec, probability=0.0).on_batch(batch, draw())["cat"], batch["cat"]
    )
    changed = made(name, spec, probability=1.0).on_batch(batch, draw())
    assert (changed["cat"] != batch["cat"]).double().mean() > 0.99
