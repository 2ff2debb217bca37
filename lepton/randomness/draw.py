"""Draw: the random numbers of one method in one step, computed from keys and not drawn in turn.

A number is a hash of its key and its place. So it does not matter who asked for numbers before: a
run that goes on in the middle of an epoch, a member of a stack and a replayed step have the same.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import count

import torch
from torch import Tensor

GAMMA_TRIALS = 12  # of which each is taken with a chance above 95 %: none in 2e-16 of the cases
# 64 bits as signed numbers, whose products wrap around
STEP = 0x9E3779B97F4A7C15 - 2**64  # 2**64 over the golden ratio, odd: its multiples all differ
MULTIPLIERS = (0xBF58476D1CE4E5B9 - 2**64, 0x94D049BB133111EB - 2**64)


def scramble(words: Tensor) -> Tensor:
    """64 bits that look random, another for each word. Shapes: int64, as it is.

    Source: Steele, Lea and Flood 2014, https://doi.org/10.1145/2660193.2660195 (SplitMix64)
    """
    words = (words ^ _high_bits(words, 34)) * MULTIPLIERS[0]
    words = (words ^ _high_bits(words, 37)) * MULTIPLIERS[1]
    return words ^ _high_bits(words, 33)


def subkey(key: Tensor, place: Tensor | int) -> Tensor:
    """The key of what has this number below another key. Shapes: as the two broadcast."""
    offset = (place + 1) * STEP
    if isinstance(offset, int):
        offset = (offset + 2**63) % 2**64 - 2**63
    return scramble(key + offset)


class Draw:
    """Random numbers of one method in one step; every call gives new ones.

    They depend on the run's seed, the method's name, the epoch, the number of the batch in it, the
    process of several, and on how many calls there were in this step; those that `each` gives not
    on the batch and the process, but on the sample. So a method asks for the same in every step, in
    the same order. They are made by tensor operations alone: they work under vmap and in replays.
    """

    def __init__(self, batch_key: Tensor, sample_key: Tensor, calls: Iterator[int] | None = None):
        """Shapes: batch_key (*leading), which come first in all that is drawn; sample_key ()."""
        self.batch_key, self.sample_key = batch_key, sample_key
        self.calls = count() if calls is None else calls

    def each(self, ids: Tensor) -> "Draw":
        """Numbers for each sample, as of `batch["id"]`: the same in whichever batch it comes.

        Shapes: ids (B,); what is drawn begins with B.
        """
        return Draw(subkey(self.sample_key, ids), self.sample_key, self.calls)

    def uniform(self, shape: Sequence[int] = (), *, dtype: torch.dtype | None = None) -> Tensor:
        """Numbers in [0, 1); of 32 bits, or in a 64-bit run of 64, where no dtype is given."""
        dtype = dtype or at_least_32_bits()
        bits = 53 if dtype == torch.float64 else 24
        numbers = _high_bits(self._words(shape), bits).to(torch.promote_types(dtype, torch.float32))
        return (numbers * 2.0**-bits).to(dtype)

    def normal(self, shape: Sequence[int] = (), *, dtype: torch.dtype | None = None) -> Tensor:
        """Numbers of the standard normal distribution, at most 6.7 from 0; dtypes as of `uniform`.

        Source: Box and Muller 1958, https://doi.org/10.1214/aoms/1177706645
        """
        dtype = dtype or at_least_32_bits()
        words, wide = self._words(shape), torch.promote_types(dtype, torch.float32)
        length = (_high_bits(words, 32).to(wide) + 0.5) * 2.0**-32
        angle = (words & (2**32 - 1)).to(wide) * (2 * math.pi * 2.0**-32)
        return ((-2 * length.log()).sqrt() * angle.cos()).to(dtype)

    def bernoulli(self, probability: Tensor | float, shape: Sequence[int] = ()) -> Tensor:
        """True with this probability, which may be one for each number. Shapes: -> shape, bool."""
        return self.uniform(shape) < probability

    def integers(self, end: int, shape: Sequence[int] = ()) -> Tensor:
        """Whole numbers from 0 to below `end`, at most 2**31. Shapes: -> shape, int64."""
        return (_high_bits(self._words(shape), 32) * end) >> 32

    def permutation(self, n: int) -> Tensor:
        """The numbers below `n` in a random order. Shapes: -> (n,), int64."""
        return self._words((n,)).argsort(-1)

    def gamma(
        self,
        concentration: Tensor | float,
        shape: Sequence[int] = (),
        *,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        """Numbers of the gamma distribution with rate 1; dtypes as of `uniform`."""
        return self._log_gamma(concentration, shape).exp().to(dtype or at_least_32_bits())

    def beta(
        self,
        a: Tensor | float,
        b: Tensor | float,
        shape: Sequence[int] = (),
        *,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        """Numbers of the beta distribution; dtypes as of `uniform`."""
        first, second = self._log_gamma(a, shape), self._log_gamma(b, shape)
        return (first - second).sigmoid().to(dtype or at_least_32_bits())

    def _log_gamma(self, concentration: Tensor | float, shape: Sequence[int]) -> Tensor:
        """Logarithms, which small concentrations need, in 64 bits.

        Many trials at once stand for a loop until the first that is taken, whose length would
        depend on the numbers.
        Source: Marsaglia and Tsang 2000, https://doi.org/10.1145/358407.358414
        """
        trials, wide = (*shape, GAMMA_TRIALS), torch.float64
        concentration = torch.as_tensor(concentration, dtype=wide, device=self.batch_key.device)
        d = (concentration + 2 / 3)[..., None]  # of one more, which is at least 1
        x = self.normal(trials, dtype=wide)
        v = (1 + x / (9 * d).sqrt()) ** 3
        log_v = torch.where(v > 0, v, 1.0).log()
        log_chance = 0.5 * x * x + d * (1 - v + log_v)
        taken = (v > 0) & (self.uniform(trials, dtype=wide).log() < log_chance)
        first_taken = taken.to(torch.uint8).argmax(-1, keepdim=True)
        log_gamma = (d.log() + log_v).gather(-1, first_taken).squeeze(-1)
        return log_gamma + (1 - self.uniform(shape, dtype=wide)).log() / concentration

    def _words(self, shape: Sequence[int]) -> Tensor:
        """Random words. Shapes: -> (*leading, *shape), int64."""
        key = subkey(self.batch_key, next(self.calls))
        places = torch.arange(math.prod(shape), device=key.device)
        return subkey(key[..., None], places).reshape((*key.shape, *shape))


def at_least_32_bits() -> torch.dtype:
    """The default dtype, which is that of a run's precision, or float32 where that is shorter."""
    return torch.promote_types(torch.get_default_dtype(), torch.float32)


def _high_bits(words: Tensor, count: int) -> Tensor:
    """The first bits of each word, as a number from 0 to below 2**count."""
    return (words >> (64 - count)) & (2**count - 1)
