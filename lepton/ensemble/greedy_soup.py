"""A soup of the members that do it no harm."""

from lepton.ensemble.combiner import ValidationPredictions
from lepton.ensemble.soup import Soup, Taste


class GreedySoup(Soup):
    """Members join, best first, where the soup then scores on validation at least as well.

    Source: Wortsman et al. 2022, https://arxiv.org/abs/2203.05482, recipe 1.
    """

    scored = "chosen"

    def choose(self, validation: ValidationPredictions, taste: Taste) -> list[int]:
        chosen, best = [0], taste([0])
        for member in range(1, len(validation.sizes)):
            larger = [*chosen, member]
            if validation.fits(larger) and (score := taste(larger)) >= best:
                chosen, best = larger, score
        return chosen
