"""The length of a row's move over all places: beside the norm of all of its numbers in a row."""

import pytest
import torch
from torch.nn.functional import normalize

from lepton.adversarial.machinery.lengths import at_most, lengths, of_length


@pytest.fixture
def change():
    numbers = torch.randn(4, 11, generator=torch.Generator().manual_seed(0))
    return {"a": numbers[:, :6].reshape(4, 3, 2), "b": numbers[:, 6:].clone()}


def whole(change):
    return torch.cat([delta.flatten(1) for delta in change.values()], 1)


def test_a_rows_length_is_that_of_all_its_places_together(change):
    torch.testing.assert_close(lengths(change), whole(change).norm(dim=1))
    torch.testing.assert_close(whole(of_length(change, 7.0)), 7 * normalize(whole(change)))
    torch.testing.assert_close(whole(at_most(change, 1e9)), whole(change))
    torch.testing.assert_close(lengths(at_most(change, 0.1)), torch.full((4,), 0.1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_row_without_a_slope_stays_and_a_small_one_has_the_whole_length(change, dtype):
    change = {name: (1e-3 * delta).to(dtype) for name, delta in change.items()}
    for delta in change.values():
        delta[1] = 0
    moved = whole(of_length(change, 9.0)).float()
    assert not moved[1].any()
    expected = torch.tensor([9.0, 0.0, 9.0, 9.0])
    torch.testing.assert_close(moved.norm(dim=1), expected, rtol=0.02, atol=0)
