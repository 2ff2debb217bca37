"""The random bits of dropout: uniform, a member's own, the same whoever shares the stack."""

import numpy as np
import pytest
import torch
from scipy import stats

from lepton.vectorize import noise
from lepton.vectorize.noise import LEVELS, Noise

CPU = torch.device("cpu")


def test_numbers_are_uniform_and_members_independent():
    drawn = Noise([1, 2], CPU).draw(200_000).double() + LEVELS / 2
    for row in drawn:
        assert stats.kstest(row.numpy() / LEVELS, "uniform").pvalue > 0.001
    assert abs(np.corrcoef(drawn)[0, 1]) < 0.01


def test_a_members_numbers_depend_on_its_seed_and_the_epoch_alone():
    together, apart = Noise([5, 6, 7], CPU), Noise([6], CPU)
    for bits in (together, apart):
        bits.start(3)
    for count in (10, 1000, 7):
        assert torch.equal(together.draw(count)[1:2], apart.draw(count))
    first = Noise([6], CPU)
    first.start(4)
    assert not torch.equal(first.draw(1000), _at(6, 3).draw(1000))
    assert not torch.equal(_at(5, 3).draw(1000), _at(6, 3).draw(1000))


def _at(seed, epoch):
    bits = Noise([seed], CPU)
    bits.start(epoch)
    return bits


@pytest.mark.parametrize("ahead", [0, 2**12])
def test_drawing_ahead_and_leaving_members_change_no_number(monkeypatch, ahead):
    whole = _at(8, 0).draw(3000)
    monkeypatch.setattr(noise, "BYTES", ahead)
    bits = Noise([7, 8, 9], CPU)
    parts = [bits.draw(500)[1:2], bits.draw(1000)[1:2]]
    bits.keep(torch.tensor([1, 2]))
    parts += [bits.draw(700)[:1], bits.draw(800)[:1]]
    assert torch.equal(torch.cat(parts, 1)[:, :500], whole[:, :500])
    if ahead == 0:  # each draw begins a word of four numbers
        assert torch.equal(torch.cat(parts, 1), whole)
