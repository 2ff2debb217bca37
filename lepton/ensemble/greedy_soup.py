"""A soup of the members that do it no harm."""

from collections.abc import Callable

from lepton.ensemble.combiner import Known
from lepton.ensemble.soup import Soup


class GreedySoup(Soup):
    """Members join, best first, where the soup then scores on validation at least as well.

    Source: Wortsman et al. 2022, https://arxiv.org/abs/2203.05482, recipe 1.
    """

    scored = "chosen"

    def choose(self, known: Known, taste: Callable[[list[int]], float]) -> list[int]:
        chosen, best = [0], taste([0])
        for member in range(1, len(known.sizes)):
            tried = [*chosen, member]
            if known.fits(tried) and (score := taste(tried)) >= best:
                chosen, best = tried, score
        return chosen
