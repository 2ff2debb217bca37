import numpy as np
import pandas as pd
import pytest
import torch

from lepton.attack.whole_numbers import raw_numbers, whole_numbers
from lepton.preprocessing.none import NoScaling
from lepton.preprocessing.quantile import Quantile
from lepton.preprocessing.robust import Robust
from lepton.preprocessing.standard import Standard

SHARED = {"impute": "median", "indicator": True, "rare": 0, "seed": 0}
OPTIONS = {
    "standard": lambda: Standard(**SHARED),
    "robust": lambda: Robust(lower=25, upper=75, **SHARED),
    "none": lambda: NoScaling(**SHARED),
    "quantile": lambda: Quantile(
        n_quantiles=100, min_quantiles=10, rows_per_quantile=2, noise=1e-3, **SHARED
    ),
}
KINDS = {"children": "numeric", "income": "numeric", "rooms": "numeric", "town": "categorical"}


def made_rows():
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({"children": generator.integers(0, 7, 300).astype(float)})
    frame["income"] = generator.normal(40, 9, 300)
    frame["rooms"] = generator.integers(1, 400, 300).astype(float)
    frame.loc[:20, "rooms"] = np.nan
    frame["town"] = "a"
    return frame


@pytest.fixture(params=OPTIONS)
def case(request):
    frame = made_rows()
    preprocessing = OPTIONS[request.param]().fit(frame, KINDS)
    num, _ = preprocessing.transform(frame)
    ends = torch.stack(num.aminmax(dim=0), 1)
    return frame, preprocessing, num, whole_numbers(preprocessing, frame, ends)


def test_moved_numbers_are_whole_in_the_unit_of_the_data_and_no_farther_than_they_were(case):
    _, preprocessing, num, whole = case
    assert sorted(whole.grids) == [0, 2]
    moved = num + torch.randn(num.shape, generator=torch.Generator().manual_seed(0)) * num.std(0)
    snapped = whole.snap("num", moved, num)
    raw, before = (raw_numbers(preprocessing, values) for values in (snapped, num))
    is_within = np.abs(num.numpy()) < 5  # the ends of the normal distribution stand for a range
    for place in (0, 2):
        is_known = (num[:, 3] == 0).numpy() & is_within[:, place]  # a median need not be whole
        np.testing.assert_allclose(raw[is_known, place], raw[is_known, place].round(), atol=2e-3)
    assert (raw[:, 0].round() != before[:, 0].round()).any()
    assert ((snapped - num) * (moved - num) >= 0).all()
    assert ((snapped - num).abs() <= (moved - num).abs() + 1e-6).all()
    torch.testing.assert_close(snapped[:, 1], moved[:, 1], rtol=0, atol=0)


def test_numbers_that_have_not_moved_stay_to_the_last_bit(case):
    _, _, num, whole = case
    torch.testing.assert_close(whole.snap("num", num, num), num, rtol=0, atol=0)


def test_raw_numbers_are_those_that_were_read(case):
    frame, preprocessing, num, _ = case
    raw, known = raw_numbers(preprocessing, num), frame["rooms"].notna().to_numpy()
    within = (frame["income"] > frame["income"].min()) & (frame["income"] < frame["income"].max())
    np.testing.assert_allclose(raw[within, 1], frame["income"][within], rtol=1e-3)
    np.testing.assert_allclose(raw[known, 2], frame["rooms"][known], rtol=1e-3, atol=1e-2)
