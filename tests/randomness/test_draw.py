"""Draws: their distributions by scipy, their independence, and where they are the same."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch.func import vmap

from lepton.randomness.draw import Draw, scramble
from lepton.randomness.streams import DrawStreams
from lepton.vectorize.step_replay import CALLS_BEFORE_RECORDING, StepReplay

CPU = torch.device("cpu")
COUNT = 20_000
LEAST_P = 1e-4  # of a test whose numbers are always the same


def draw(*, seed=0, name="regularization.mixup", epoch=0, step=0, rank=0):
    streams = DrawStreams([seed], [name], CPU)
    streams.start_epoch(epoch, rank=rank)
    streams.set_step(step)
    return streams.draws(streams.keys[0])[0]


def reference(word):
    """The finalizer of SplitMix64 in Python's own numbers, as its paper has it."""
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) % 2**64
    return word ^ (word >> 31)


def test_words_are_scrambled_as_by_splitmix64():
    words = torch.randint(-(2**63), 2**63 - 1, (200,), generator=torch.Generator().manual_seed(0))
    expected = [reference(word % 2**64) for word in words.tolist()]
    assert [word % 2**64 for word in scramble(words).tolist()] == expected


NUMBERS = {
    "uniform": (lambda d, **o: d.uniform((COUNT,), **o), stats.uniform()),
    "normal": (lambda d, **o: d.normal((COUNT,), **o), stats.norm()),
    "gamma .3": (lambda d, **o: d.gamma(0.3, (COUNT,), **o), stats.gamma(0.3)),
    "gamma 7": (lambda d, **o: d.gamma(7, (COUNT,), **o), stats.gamma(7)),
    "beta .2": (lambda d, **o: d.beta(0.2, 0.2, (COUNT,), **o), stats.beta(0.2, 0.2)),
    "beta 1 3": (lambda d, **o: d.beta(1, 3, (COUNT,), **o), stats.beta(1, 3)),
    "beta 40": (lambda d, **o: d.beta(40, 40, (COUNT,), **o), stats.beta(40, 40)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_have_their_distribution(name):
    numbers, distribution = NUMBERS[name]
    drawn = numbers(draw(seed=3), dtype=torch.float64)
    assert stats.kstest(drawn.numpy(), distribution.cdf).pvalue > LEAST_P
    assert numbers(draw(seed=3)).dtype == torch.float32


@pytest.mark.slow
def test_one_number_of_each_sample_each_step_and_each_seed_has_the_distribution_too():
    ids = torch.arange(COUNT)
    assert stats.kstest(draw().each(ids).uniform().double().numpy(), "uniform").pvalue > LEAST_P
    steps = torch.stack([draw(step=step).uniform() for step in range(2000)])
    assert stats.kstest(steps.double().numpy(), "uniform").pvalue > LEAST_P
    seeds = torch.stack([draw(seed=seed).normal(dtype=torch.float64) for seed in range(2000)])
    assert stats.kstest(seeds.numpy(), "norm").pvalue > LEAST_P


OTHERS = {
    "the next step": {"step": 1},
    "the next epoch": {"epoch": 1},
    "the next seed": {"seed": 1},
    "another name": {"name": "regularization.mixut"},
    "the next process": {"rank": 1},
}


@pytest.mark.parametrize("other", OTHERS)
def test_numbers_of_neighbours_are_independent(other):
    first, second = draw().uniform((COUNT,)), draw(**OTHERS[other]).uniform((COUNT,))
    table = np.histogram2d(first.numpy(), second.numpy(), bins=10)[0]
    assert stats.chi2_contingency(table).pvalue > LEAST_P


def test_numbers_of_one_call_its_neighbour_and_neighbouring_samples_are_independent():
    drawn = draw()
    first, second = drawn.uniform((COUNT,)), drawn.uniform((COUNT,))
    by_sample = drawn.each(torch.arange(COUNT)).uniform((2,))
    pairs = [(first, second), (first[:-1], first[1:]), (by_sample[:, 0], by_sample[:, 1])]
    pairs += [(by_sample[:-1, 0], by_sample[1:, 0])]
    for one, other in pairs:
        table = np.histogram2d(one.numpy(), other.numpy(), bins=10)[0]
        assert stats.chi2_contingency(table).pvalue > LEAST_P


def test_a_coin_falls_with_its_probability_and_whole_numbers_are_as_likely_as_each_other():
    heads = draw().bernoulli(torch.tensor([0.0, 0.25, 1.0])[:, None], (3, COUNT))
    assert heads[0].sum() == 0
    assert heads[2].all()
    assert stats.binomtest(int(heads[1].sum()), COUNT, 0.25).pvalue > LEAST_P
    counts = torch.bincount(draw().integers(7, (COUNT,)))
    assert len(counts) == 7
    assert stats.chisquare(counts.numpy()).pvalue > LEAST_P


def test_orders_are_permutations_each_as_likely_as_the_others():
    orders = draw().each(torch.arange(6000)).permutation(3)
    assert torch.equal(orders.sort(-1).values, torch.arange(3).expand(6000, 3))
    counts = torch.unique(orders, dim=0, return_counts=True)[1]
    assert len(counts) == 6
    assert stats.chisquare(counts.numpy()).pvalue > LEAST_P


def test_what_a_sample_gets_does_not_depend_on_its_batch_or_process():
    ids = torch.tensor([5, 3, 90, 7])
    whole = draw(step=1).each(ids).normal((4,))
    halves = [draw(step=i, rank=i).each(part).normal((4,)) for i, part in enumerate(ids.split(2))]
    assert torch.equal(whole, torch.cat(halves))
    assert not torch.equal(whole, draw(epoch=1).each(ids).normal((4,)))


def mixture(d, ids):
    return [
        *(d.uniform((2,)), d.each(ids).normal((4,)), d.each(ids).permutation(3)),
        *(d.beta(torch.tensor(0.2), 0.3), d.integers(10, (5,)), d.bernoulli(0.5, (3, 2))),
    ]


@pytest.mark.slow
def test_members_of_a_stack_draw_what_they_would_alone_also_in_replayed_steps():
    ids, steps = torch.arange(5), CALLS_BEFORE_RECORDING + 4
    stacked = DrawStreams([4, 1, 9], ["mixup"], CPU)
    stacked.start_epoch(2)

    def compute(inputs):
        return vmap(lambda keys, ids: mixture(*stacked.draws(keys), ids), (0, None))(
            stacked.keys, inputs["ids"]
        )

    replayed = StepReplay(compute)
    for step in range(steps):
        stacked.set_step(step)
        together = replayed({"ids": ids})
        for row, seed in enumerate((4, 1, 9)):
            alone = mixture(draw(seed=seed, name="mixup", epoch=2, step=step), ids)
            assert all(map(torch.equal, alone, [value[row] for value in together])), step
    assert [recording.can_replay for recording in replayed.recordings.values()] == [True]


def test_random_numbers_of_torch_numpy_and_python_stay_where_they_are():
    before = torch.get_rng_state()
    mixture(Draw(torch.tensor(1), torch.tensor(2)), torch.arange(3))
    assert torch.equal(before, torch.get_rng_state())
